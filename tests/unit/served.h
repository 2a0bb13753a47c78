/* served.h: the mock server (tests/mock) on a thread of the test. Include behind cmocka's own includes. */
#ifndef CLIO_TEST_SERVED_H
#define CLIO_TEST_SERVED_H

#include "mock.h"

#include <pthread.h>

struct served {
    struct mock *mock;
    pthread_t thread;
    unsigned short port;
    struct mock_counts counts; /* when it has stopped */
};

static inline void *served_thread(void *arg)
{
    mock_serve(arg);
    return NULL;
}

static inline void served_start(struct served *s, const struct mock_opts *opts)
{
    struct error e = {0};
    *s = (struct served){0};
    if (mock_open(opts, &s->mock, &e) != ERR_OK)
        fail_msg("%s", e.text);
    s->port = mock_port(s->mock);
    assert_int_equal(pthread_create(&s->thread, NULL, served_thread, s->mock), 0);
}

static inline void served_stop(struct served *s)
{
    mock_end(s->mock);
    pthread_join(s->thread, NULL);
    s->counts = mock_counts(s->mock);
    mock_close(s->mock);
}

#endif
