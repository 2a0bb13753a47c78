/* openai: against a small server of the test's own, which plays a list of replies and keeps what it was sent. */
#include "model/model.h"

#include "base/clock.h"
#include "base/json.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { REPLIES_MAX = 48 };

struct reply {
    const char *status;  /* "200 OK"; NULL: close without a word */
    const char *headers; /* further ones, each with its line end; may be NULL */
    const char *body;
    int delay_ms;
};

struct server {
    int listener;
    unsigned short port;
    pthread_t thread;
    const struct reply *replies;
    size_t n;
    size_t served;
    char *requests[REPLIES_MAX]; /* head and body, as they came */
};

static void serve_one(struct server *s, int fd)
{
    struct buf b = {0};
    char chunk[4096];
    size_t head = SIZE_MAX, wanted = 0;
    while (head == SIZE_MAX || b.n < head + 4 + wanted) {
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got <= 0)
            break;
        buf_add(&b, (struct str){chunk, (size_t)got});
        head = str_find(buf_str(&b), STR("\r\n\r\n"));
        const char *length = strcasestr(b.at, "content-length:");
        wanted = length ? strtoul(length + 15, NULL, 10) : 0;
    }
    const struct reply *r = &s->replies[s->served];
    s->requests[s->served] = strdup(b.at ? b.at : "");
    s->served++;
    buf_release(&b);
    if (r->delay_ms)
        nanosleep(&(struct timespec){.tv_sec = r->delay_ms / 1000, .tv_nsec = r->delay_ms % 1000 * 1000000L}, NULL);
    if (!r->status)
        return;
    buf_printf(&b,
               "HTTP/1.1 %s\r\nContent-Type: application/json\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n%s",
               r->status, r->headers ? r->headers : "", strlen(r->body), r->body);
    for (size_t sent = 0; sent < b.n;) {
        ssize_t n = send(fd, b.at + sent, b.n - sent, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        sent += (size_t)n;
    }
    buf_release(&b);
}

static void *serve(void *arg)
{
    struct server *s = arg;
    while (s->served < s->n) {
        int fd = accept(s->listener, NULL, NULL);
        if (fd < 0)
            break;
        serve_one(s, fd);
        close(fd);
    }
    return NULL;
}

static void server_start(struct server *s, const struct reply *replies, size_t n)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    *s = (struct server){.listener = socket(AF_INET, SOCK_STREAM, 0), .replies = replies, .n = n};
    assert_true(n <= REPLIES_MAX);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(s->listener, 8), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&address, &size), 0);
    s->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(struct server *s)
{
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->listener);
    for (size_t i = 0; i < s->served; i++)
        free(s->requests[i]);
}

static const struct field answer_fields[] = {{.name = "answer", .kind = FIELD_TEXT, .max_chars = 40}};
static const struct field rating_fields[] = {{.name = "rating", .kind = FIELD_INT, .min = 1, .max = 5}};
static const struct schema answer_schema = {answer_fields, 1}, rating_schema = {rating_fields, 1};

struct got {
    struct arena arena;
    struct answer answer;
    size_t n;
};

static void on_answer(void *arg, size_t i, const struct answer *answer)
{
    struct got *g = arg;
    (void)i;
    g->answer = *answer;
    for (size_t a = 0; a < ASKS_MAX; a++)
        g->answer.texts[a] = str_dup(&g->arena, answer->texts[a]);
    g->n++;
}

static struct model open_model(const struct server *s, const char *options)
{
    struct model m;
    struct error e = {0};
    struct arena a = {0};
    if (model_open(str_printf(&a, "openai:tiny@http://127.0.0.1:%d/v1?backoff=1%s", s->port, options), NULL, &m, &e) !=
        ERR_OK)
        fail_msg("%s", e.text);
    arena_release(&a);
    return m;
}

/* Plays the replies to one request with these asks and returns what complete() said. */
static enum err play(const struct reply *replies, size_t n, const char *options, const struct ask *asks, size_t asks_n,
                     struct server *s, struct got *g, struct error *e)
{
    *g = (struct got){0};
    server_start(s, replies, n);
    struct model m = open_model(s, options);
    struct request r = {
        .system = STR("Be \"brief\"."), .asks = asks, .asks_count = asks_n, .temperature = 0.2, .seed = 9};
    enum err result = model_complete(&m, &r, 1, on_answer, g, NULL, e);
    model_close(&m);
    return result;
}

static const struct ask one_ask[] = {{STR_INIT("What is it? SECRET"), &answer_schema}};

#define COMPLETION(content, finish)                                                                                    \
    "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":" content "},\"finish_reason\":\"" finish          \
    "\"}],\"usage\":{\"prompt_tokens\":50,\"completion_tokens\":7,\"prompt_tokens_details\":{\"cached_tokens\":32}}}"
#define GOOD COMPLETION("\"{\\\"answer\\\": \\\"a bicycle\\\"}\"", "stop")

static void answers_and_counts(void **state)
{
    (void)state;
    static const struct reply replies[] = {{"200 OK", NULL, GOOD, 0}};
    struct server s;
    struct got g;
    struct error e = {0};
    assert_int_equal(play(replies, 1, "", one_ask, 1, &s, &g, &e), ERR_OK);
    assert_int_equal(g.answer.status, ANSWER_OK);
    assert_true(str_eqz(g.answer.texts[0], "{\"answer\": \"a bicycle\"}"));
    assert_int_equal(g.answer.usage.tokens_in, 50);
    assert_int_equal(g.answer.usage.tokens_cached, 32);
    assert_int_equal(g.answer.usage.tokens_out, 7);
    assert_non_null(strstr(s.requests[0], "POST /v1/chat/completions "));
    assert_non_null(strstr(s.requests[0], "\"json_schema\""));
    assert_non_null(strstr(s.requests[0], "Be \\\"brief\\\"."));
    assert_non_null(strcasestr(s.requests[0], "authorization: bearer key-of-the-test\r\n"));
    assert_null(strstr(s.requests[0], "backoff"));
    arena_release(&g.arena);
    server_stop(&s);
}

static void several_asks_carry_the_history(void **state)
{
    (void)state;
    static const struct reply replies[] = {{"200 OK", NULL, GOOD, 0},
                                           {"200 OK", NULL, COMPLETION("\"{\\\"rating\\\": 4}\"", "stop"), 0}};
    static const struct ask asks[] = {{STR_INIT("First?"), &answer_schema}, {STR_INIT("Second?"), &rating_schema}};
    struct server s;
    struct got g;
    assert_int_equal(play(replies, 2, "", asks, 2, &s, &g, NULL), ERR_OK);
    assert_true(str_eqz(g.answer.texts[1], "{\"rating\": 4}"));
    assert_int_equal(g.answer.usage.calls, 2);
    const char *first = strstr(s.requests[1], "First?"), *answer = strstr(s.requests[1], "a bicycle"),
               *second = strstr(s.requests[1], "Second?");
    assert_true(first && answer && second && first < answer && answer < second);
    arena_release(&g.arena);
    server_stop(&s);
}

/* A dialogue that was cut off goes on behind its last answer, and says how far it came. */
static void known_answers_are_not_asked_for(void **state)
{
    (void)state;
    static const struct reply replies[] = {{"200 OK", NULL, COMPLETION("\"{\\\"rating\\\": 4}\"", "stop"), 0}};
    static const struct ask asks[] = {{STR_INIT("First?"), &answer_schema}, {STR_INIT("Second?"), &rating_schema}};
    static const struct str known[] = {STR_INIT("{\"answer\": \"a unicycle\"}")};
    struct request r = {.asks = asks, .asks_count = 2, .known = known, .known_count = 1};
    struct server s;
    struct got g = {0};
    server_start(&s, replies, 1);
    struct model m = open_model(&s, "");
    assert_int_equal(model_complete(&m, &r, 1, on_answer, &g, NULL, NULL), ERR_OK);
    assert_true(str_eq(g.answer.texts[0], known[0]));
    assert_true(str_eqz(g.answer.texts[1], "{\"rating\": 4}"));
    assert_int_equal(g.answer.usage.calls, 1);
    assert_non_null(strstr(s.requests[0], "a unicycle"));
    arena_release(&g.arena);
    model_close(&m);
    server_stop(&s);
}

static void trouble_that_passes_is_waited_out(void **state)
{
    (void)state;
    static const struct reply replies[] = {
        {"429 Too Many Requests", "Retry-After: 1\r\n", "{\"error\":{\"code\":\"rate_limit_exceeded\"}}", 0},
        {"500 Internal Server Error", NULL, "oops", 0},
        {NULL, NULL, NULL, 0},
        {"503 Service Unavailable", NULL, "", 0},
        {"200 OK", NULL, "{\"choices\":", 0},
        {"200 OK", NULL, "{\"error\":{\"message\":\"overloaded\"}}", 0},
        {"200 OK", NULL, GOOD, 0},
    };
    struct server s;
    struct got g;
    double start = clock_seconds();
    assert_int_equal(play(replies, 7, "", one_ask, 1, &s, &g, NULL), ERR_OK);
    assert_int_equal(g.answer.status, ANSWER_OK);
    assert_true(clock_seconds() - start >= 0.99);
    assert_int_equal(s.served, 7);
    arena_release(&g.arena);
    server_stop(&s);
}

/* Retry-After may be a date; and a server that will be away for a day is not waited for. */
static void retry_after_is_kept_to(void **state)
{
    (void)state;
    char header[80];
    time_t soon = time(NULL) + 3;
    struct tm tm;
    strftime(header, sizeof header, "Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n", gmtime_r(&soon, &tm));
    const struct reply dated[] = {{"503 Service Unavailable", header, "", 0}, {"200 OK", NULL, GOOD, 0}};
    const struct reply away[] = {{"503 Service Unavailable", "Retry-After: 86400\r\n", "", 0}};
    struct server s;
    struct got g;
    struct error e = {0};
    double start = clock_seconds();
    assert_int_equal(play(dated, 2, "", one_ask, 1, &s, &g, NULL), ERR_OK);
    assert_true(clock_seconds() - start >= 1.9); /* of three seconds, which are counted whole */
    assert_int_equal(s.served, 2);
    arena_release(&g.arena);
    server_stop(&s);
    assert_int_equal(play(away, 1, "", one_ask, 1, &s, &g, &e), ERR_MODEL);
    assert_int_equal(s.served, 1);
    arena_release(&g.arena);
    server_stop(&s);
}

static const struct ask five_asks[5] = {{STR_INIT("a? SECRET"), &answer_schema},
                                        {STR_INIT("b?"), &answer_schema},
                                        {STR_INIT("c?"), &answer_schema},
                                        {STR_INIT("d?"), &answer_schema},
                                        {STR_INIT("e?"), &answer_schema}};

static void a_server_that_stays_down_ends_the_stage(void **state)
{
    (void)state;
    static const struct reply kinds[] = {
        {"500 x", NULL, "SECRET", 0}, {"502 x", NULL, "SECRET", 0}, {NULL, NULL, NULL, 0}, {"503 x", NULL, "", 0}};
    struct reply down[35];
    struct request requests[5];
    struct server s;
    struct got g = {0};
    struct error e = {0};
    for (size_t i = 0; i < 35; i++)
        down[i] = kinds[i % 4];
    for (size_t i = 0; i < 5; i++)
        requests[i] = (struct request){.asks = &five_asks[i], .asks_count = 1};
    server_start(&s, down, 35);
    struct model m = open_model(&s, "");
    assert_int_equal(model_complete(&m, requests, 5, on_answer, &g, NULL, &e), ERR_MODEL);
    assert_int_equal(s.served, 35);
    assert_int_equal(g.n, 4); /* the fifth in a row is one too many */
    assert_int_equal(g.answer.status, ANSWER_HOPELESS);
    assert_null(strstr(e.text, "SECRET"));
    assert_non_null(strstr(e.text, "127.0.0.1"));
    arena_release(&g.arena);
    model_close(&m);
    server_stop(&s);
}

/* A record over which the server falls, however often it is sent: it fails, the others are answered. */
static void one_poison_request_does_not_end_the_stage(void **state)
{
    (void)state;
    struct reply replies[9];
    struct request requests[3];
    struct server s;
    struct got g = {0};
    struct error e = {0};
    for (size_t i = 0; i < 7; i++)
        replies[i] = (struct reply){"500 x", NULL, "", 0};
    replies[7] = replies[8] = (struct reply){"200 OK", NULL, GOOD, 0};
    for (size_t i = 0; i < 3; i++)
        requests[i] = (struct request){.asks = &five_asks[i], .asks_count = 1};
    server_start(&s, replies, 9);
    struct model m = open_model(&s, "&in_flight=1");
    assert_int_equal(model_complete(&m, requests, 1, on_answer, &g, NULL, &e), ERR_OK);
    assert_int_equal(g.answer.status, ANSWER_HOPELESS);
    assert_int_equal(s.served, 7);
    assert_int_equal(model_complete(&m, requests + 1, 2, on_answer, &g, NULL, &e), ERR_OK);
    assert_int_equal(g.answer.status, ANSWER_OK);
    assert_int_equal(g.n, 3);
    arena_release(&g.arena);
    model_close(&m);
    server_stop(&s);
}

static void bad_keys_and_spent_quotas_fail_at_once(void **state)
{
    (void)state;
    static const struct {
        struct reply reply;
        enum err want;
    } cases[] = {
        {{"401 Unauthorized", NULL, "{\"error\":{\"message\":\"key-of-the-test is wrong\"}}", 0}, ERR_AUTH},
        {{"429 Too Many Requests", NULL, "{\"error\":{\"code\":\"insufficient_quota\"}}", 0}, ERR_AUTH},
        {{"404 Not Found", NULL, "{}", 0}, ERR_MODEL},
        {{"302 Found", "Location: http://127.0.0.1:1/elsewhere\r\n", "", 0}, ERR_MODEL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct server s;
        struct got g;
        struct error e = {0};
        assert_int_equal(play(&cases[i].reply, 1, "", one_ask, 1, &s, &g, &e), cases[i].want);
        assert_null(strstr(e.text, "key-of-the-test"));
        assert_null(strstr(e.hint, "key-of-the-test"));
        server_stop(&s);
    }
}

static void one_requests_trouble_is_its_answer(void **state)
{
    (void)state;
    static const struct {
        struct reply reply;
        enum answer_status want;
    } cases[] = {
        {{"200 OK", NULL, COMPLETION("\"{\\\"ans\"", "length"), 0}, ANSWER_CUT},
        {{"200 OK", NULL, COMPLETION("null", "content_filter"), 0}, ANSWER_REFUSED},
        {{"200 OK", NULL, "{\"choices\":[{\"message\":{\"refusal\":\"No.\",\"content\":null}}]}", 0}, ANSWER_REFUSED},
        {{"200 OK", NULL, COMPLETION("\"\"", "stop"), 0}, ANSWER_EMPTY},
        {{"400 Bad Request", NULL, "{\"error\":{\"code\":\"context_length_exceeded\"}}", 0}, ANSWER_TOO_LONG},
        {{"413 Too Large", NULL, "", 0}, ANSWER_TOO_LONG},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct server s;
        struct got g;
        assert_int_equal(play(&cases[i].reply, 1, "", one_ask, 1, &s, &g, NULL), ERR_OK);
        assert_int_equal(g.answer.status, cases[i].want);
        assert_non_null(g.answer.reason);
        arena_release(&g.arena);
        server_stop(&s);
    }
}

static void servers_without_schemas_are_asked_in_words(void **state)
{
    (void)state;
    static const struct reply replies[] = {
        {"400 Bad Request", NULL, "{\"error\":{\"message\":\"response_format?\"}}", 0}, {"200 OK", NULL, GOOD, 0}};
    struct server s;
    struct got g;
    assert_int_equal(play(replies, 2, "", one_ask, 1, &s, &g, NULL), ERR_OK);
    assert_int_equal(g.answer.status, ANSWER_OK);
    assert_non_null(strstr(s.requests[0], "response_format"));
    assert_null(strstr(s.requests[1], "response_format"));
    assert_non_null(strstr(s.requests[1], "{\\\"answer\\\": \\\"...\\\"}"));
    arena_release(&g.arena);
    server_stop(&s);
}

static void slow_servers_time_out(void **state)
{
    (void)state;
    static const struct reply replies[] = {{"200 OK", NULL, GOOD, 1500}, {"200 OK", NULL, GOOD, 0}};
    struct server s;
    struct got g;
    assert_int_equal(play(replies, 2, "&timeout=1", one_ask, 1, &s, &g, NULL), ERR_OK);
    assert_int_equal(g.answer.status, ANSWER_OK);
    assert_int_equal(s.served, 2);
    arena_release(&g.arena);
    server_stop(&s);
}

static void *set_soon(void *stop)
{
    nanosleep(&(struct timespec){.tv_nsec = 200 * 1000000L}, NULL);
    atomic_store((atomic_bool *)stop, true);
    return NULL;
}

static void stops_while_waiting(void **state)
{
    (void)state;
    static const struct reply replies[] = {{"429 x", "Retry-After: 30\r\n", "{}", 0}};
    struct server s;
    struct got g = {0};
    server_start(&s, replies, 1);
    struct model m = open_model(&s, "");
    struct request r = {.asks = one_ask, .asks_count = 1};
    atomic_bool stop = false;
    pthread_t thread;
    double start = clock_seconds();
    assert_int_equal(pthread_create(&thread, NULL, set_soon, &stop), 0);
    assert_int_equal(model_complete(&m, &r, 1, on_answer, &g, &stop, NULL), ERR_INTERRUPTED);
    assert_true(clock_seconds() - start < 10);
    pthread_join(thread, NULL);
    model_close(&m);
    server_stop(&s);
}

static void embeddings_are_unit_rows_in_order(void **state)
{
    (void)state;
    static const struct reply replies[] = {
        {"200 OK", NULL, "{\"data\":[{\"index\":0,\"embedding\":[1,2,2]}]}", 0},
        {"200 OK", NULL,
         "{\"data\":[{\"index\":1,\"embedding\":[0,0,5]},{\"index\":0,\"embedding\":[3,4,0]}],\"usage\":{\"prompt_"
         "tokens\":8}}",
         0},
        {"200 OK", NULL, "{\"data\":[{\"index\":0,\"embedding\":[3,4]},{\"index\":1,\"embedding\":[3,4]}]}", 0},
    };
    static const struct str texts[] = {STR_INIT("one"), STR_INIT("two")};
    struct server s;
    server_start(&s, replies, 3);
    struct model m = open_model(&s, "&embed=1");
    float rows[6];
    struct mat out = {rows, 2, 3};
    struct usage usage = {0};
    struct error e = {0};
    assert_int_equal(m.info.width, 3);
    assert_null(m.ops->complete);
    assert_int_equal(m.ops->embed(m.ctx, texts, 2, out, &usage, &e), ERR_OK);
    assert_true(rows[0] > 0.59f && rows[0] < 0.61f && rows[5] > 0.99f);
    assert_int_equal(usage.tokens_in, 8);
    assert_non_null(strstr(s.requests[1], "\"input\":[\"one\",\"two\"]"));
    assert_int_equal(m.ops->embed(m.ctx, texts, 2, out, &usage, &e), ERR_MODEL);
    model_close(&m);
    server_stop(&s);
}

static void bad_specs_are_refused(void **state)
{
    (void)state;
    static const char *const specs[] = {
        "openai:",
        "openai:m",
        "openai:m@",
        "openai:m@ftp://x/v1",
        "openai:m@file:///etc/passwd",
        "openai:m@http://127.0.0.1/v1?format=xml",
        "openai:m@http://127.0.0.1/v1?timeout=0",
        "openai:m@http://127.0.0.1/v1?what=1",
        "openai:m@http://user:pass@127.0.0.1/v1",
        "openai:m@http://models.example/v1", /* a key over plain http to another machine */
    };
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        struct model m;
        struct error e = {0};
        if (model_open(str_of(specs[i]), NULL, &m, &e) != ERR_CONFIG)
            fail_msg("%s was taken", specs[i]);
        assert_true(e.text[0]);
    }
}

static int set_up(void **state)
{
    (void)state;
    unsetenv("OPENAI_API_KEY");
    return setenv("CLIO_OPENAI_KEY", "key-of-the-test", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_and_counts),
        cmocka_unit_test(several_asks_carry_the_history),
        cmocka_unit_test(known_answers_are_not_asked_for),
        cmocka_unit_test(trouble_that_passes_is_waited_out),
        cmocka_unit_test(retry_after_is_kept_to),
        cmocka_unit_test(a_server_that_stays_down_ends_the_stage),
        cmocka_unit_test(one_poison_request_does_not_end_the_stage),
        cmocka_unit_test(bad_keys_and_spent_quotas_fail_at_once),
        cmocka_unit_test(one_requests_trouble_is_its_answer),
        cmocka_unit_test(servers_without_schemas_are_asked_in_words),
        cmocka_unit_test(slow_servers_time_out),
        cmocka_unit_test(stops_while_waiting),
        cmocka_unit_test(embeddings_are_unit_rows_in_order),
        cmocka_unit_test(bad_specs_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
