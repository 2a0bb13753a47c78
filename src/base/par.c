#include "base/par.h"

#include "base/mem.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

struct worker {
    struct par *pool;
    size_t index;
    pthread_t thread;
};

struct par {
    size_t threads;
    struct worker *workers; /* threads - 1 of them; the caller is worker 0 */
    pthread_mutex_t lock;
    pthread_cond_t start, done;
    size_t round; /* counts par_for calls: a worker runs once for each */
    size_t busy;
    bool stop;
    void (*fn)(void *, size_t, size_t);
    void *arg;
    size_t pieces;
    atomic_size_t next;
};

static void run_pieces(struct par *p, size_t worker)
{
    size_t i;
    while ((i = atomic_fetch_add(&p->next, 1)) < p->pieces)
        p->fn(p->arg, i, worker);
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct par *p = w->pool;
    size_t seen = 0;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (p->round == seen && !p->stop)
            pthread_cond_wait(&p->start, &p->lock);
        if (p->stop)
            break;
        seen = p->round;
        pthread_mutex_unlock(&p->lock);
        run_pieces(p, w->index);
        pthread_mutex_lock(&p->lock);
        if (--p->busy == 0)
            pthread_cond_signal(&p->done);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static size_t processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    int n = CPU_COUNT(&set);
    return n > 0 ? (size_t)n : 1;
}

struct par *par_new(size_t threads)
{
    struct par *p = mem_zero(1, sizeof *p);
    p->threads = threads ? threads : processors();
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->start, NULL);
    pthread_cond_init(&p->done, NULL);
    p->workers = mem_zero(p->threads, sizeof *p->workers);
    for (size_t i = 0; i + 1 < p->threads; i++) {
        p->workers[i] = (struct worker){.pool = p, .index = i + 1};
        if (pthread_create(&p->workers[i].thread, NULL, worker_main, &p->workers[i]) != 0) {
            p->threads = i + 1; /* fewer threads give the same results */
            break;
        }
    }
    return p;
}

void par_free(struct par *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->start);
    pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i + 1 < p->threads; i++)
        pthread_join(p->workers[i].thread, NULL);
    pthread_cond_destroy(&p->start);
    pthread_cond_destroy(&p->done);
    pthread_mutex_destroy(&p->lock);
    free(p->workers);
    free(p);
}

size_t par_threads(const struct par *p)
{
    return p ? p->threads : 1;
}

void par_for(struct par *p, size_t pieces, void (*fn)(void *, size_t, size_t), void *arg)
{
    if (!p || p->threads == 1 || pieces < 2) {
        for (size_t i = 0; i < pieces; i++)
            fn(arg, i, 0);
        return;
    }
    pthread_mutex_lock(&p->lock);
    p->fn = fn;
    p->arg = arg;
    p->pieces = pieces;
    atomic_store(&p->next, 0);
    p->busy = p->threads - 1;
    p->round++;
    pthread_cond_broadcast(&p->start);
    pthread_mutex_unlock(&p->lock);

    run_pieces(p, 0);

    pthread_mutex_lock(&p->lock);
    while (p->busy)
        pthread_cond_wait(&p->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
}
