"""Training of hash encoders on a model's own queries and keys: capture, train each layer, fit what the codes leave open."""
