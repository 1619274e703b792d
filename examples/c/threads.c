/* Threads for code that was compiled with --parallel=callback: link it beside.
 *
 * One thread for each processor, the caller among them, takes the next index
 * until all are taken. A host with a pool of its own hands the work to that.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

struct loop {
  void (*body)(void *context, int64_t i);
  void *context;
  int64_t count;
  atomic_llong next;
};

static void *run(void *argument) {
  struct loop *loop = argument;
  for (int64_t i; (i = atomic_fetch_add(&loop->next, 1)) < loop->count;)
    loop->body(loop->context, i);
  return NULL;
}

/* Calls body(context, i) for each i below count and returns when all are done. */
void dashkv_parallel_for(void (*body)(void *context, int64_t i), void *context, int64_t count) {
  enum { Most = 64 };
  struct loop loop = {body, context, count, 0};
  pthread_t threads[Most];
  int64_t started = 0, wanted = sysconf(_SC_NPROCESSORS_ONLN) - 1;
  while (started < wanted && started < count - 1 && started < Most &&
         !pthread_create(&threads[started], NULL, run, &loop))
    ++started;
  run(&loop);
  for (int64_t i = 0; i < started; ++i)
    pthread_join(threads[i], NULL);
}
