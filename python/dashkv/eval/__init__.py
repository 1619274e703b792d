"""Quality of selectors against exact attention on a real model: harness, selectors, measures, tasks, report."""
