/* Whom a provider talks to, and with which key: TLS is verified, redirects are not followed, proxies come from the
 * configuration only, keys from the environment or from a file that only its owner may read. */
#include "model/model.h"

#include "base/clock.h"

#include <microhttpd.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "scratch.h"
#include "served.h"

static const struct field fields[] = {{.name = "answer", .kind = FIELD_TEXT, .max_chars = 60}};
static const struct schema schema = {fields, 1};
static const struct ask one_ask[] = {{STR_INIT("What is it? SECRET"), &schema}};

static void on_answer(void *arg, size_t i, const struct answer *answer)
{
    (void)i;
    *(enum answer_status *)arg = answer->status;
}

/* One question to the model of this spec. */
static enum err ask(const char *spec, enum answer_status *status, struct error *e)
{
    struct model m;
    struct request r = {.asks = one_ask, .asks_count = 1};
    *e = (struct error){0};
    *status = ANSWER_FAILED;
    enum err result = model_open(str_of(spec), NULL, &m, e);
    if (result != ERR_OK)
        return result;
    result = model_complete(&m, &r, 1, on_answer, status, NULL, e);
    model_close(&m);
    assert_null(strstr(e->text, "SECRET"));
    return result;
}

/* ---- TLS ---- */

/* Answers everything with the same completion, and counts. */
static enum MHD_Result answer_all(void *cls, struct MHD_Connection *c, const char *url, const char *method,
                                  const char *version, const char *data, size_t *size, void **state)
{
    static const char body[] = "{\"choices\":[{\"message\":{\"content\":\"{\\\"answer\\\": \\\"a "
                               "bicycle\\\"}\"},\"finish_reason\":\"stop\"}]}";
    (void)url;
    (void)method;
    (void)version;
    (void)data;
    if (!*state) {
        *state = cls;
        atomic_fetch_add((atomic_int *)cls, 1);
        return MHD_YES;
    }
    if (*size) {
        *size = 0;
        return MHD_YES;
    }
    struct MHD_Response *r =
        MHD_create_response_from_buffer(sizeof body - 1, (void *)(uintptr_t)body, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result result = MHD_queue_response(c, 200, r);
    MHD_destroy_response(r);
    return result;
}

struct tls {
    struct MHD_Daemon *daemon;
    struct buf key, cert;
    char cert_path[256], spec[600];
    atomic_int requests;
};

/* False where there is no openssl or no TLS in libmicrohttpd. */
static bool tls_start(void **state, const char *names, struct tls *t)
{
    char key_path[256], command[900];
    struct error e = {0};
    *t = (struct tls){0};
    scratch_path(state, "key.pem", key_path);
    scratch_path(state, "cert.pem", t->cert_path);
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=mock "
             "-addext subjectAltName=%s -keyout '%s' -out '%s' 2>/dev/null",
             names, key_path, t->cert_path);
    if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES || system(command) != 0)
        return false;
    OK(file_read(key_path, 1 << 16, &t->key, &e));
    OK(file_read(t->cert_path, 1 << 16, &t->cert, &e));
    t->daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_TLS, 0, NULL, NULL, answer_all, &t->requests,
                         MHD_OPTION_HTTPS_MEM_KEY, t->key.at, MHD_OPTION_HTTPS_MEM_CERT, t->cert.at, MHD_OPTION_END);
    assert_non_null(t->daemon);
    snprintf(t->spec, sizeof t->spec, "openai:tiny@https://127.0.0.1:%d/v1?backoff=1&ca_file=%s",
             MHD_get_daemon_info(t->daemon, MHD_DAEMON_INFO_BIND_PORT)->port, t->cert_path);
    return true;
}

static void tls_stop(struct tls *t)
{
    MHD_stop_daemon(t->daemon);
    buf_release(&t->key);
    buf_release(&t->cert);
}

static void certificates_are_verified(void **state)
{
    struct tls t;
    struct error e;
    enum answer_status status;
    if (!tls_start(state, "IP:127.0.0.1", &t))
        skip();
    OK(ask(t.spec, &status, &e)); /* one that it was told to trust */
    assert_int_equal(status, ANSWER_OK);
    assert_int_equal(t.requests, 1);
    *strstr(t.spec, "&ca_file") = 0; /* signed by nobody the system knows */
    double start = clock_seconds();
    assert_int_equal(ask(t.spec, &status, &e), ERR_MODEL);
    assert_non_null(strstr(e.text, "certificate"));
    assert_true(clock_seconds() - start < 5); /* at once: no repetition helps */
    assert_int_equal(t.requests, 1);          /* no request, and no key, was sent */
    tls_stop(&t);
}

static void so_is_the_name_in_them(void **state)
{
    struct tls t;
    struct error e;
    enum answer_status status;
    if (!tls_start(state, "DNS:other.invalid", &t))
        skip();
    assert_int_equal(ask(t.spec, &status, &e), ERR_MODEL);
    assert_non_null(strstr(e.text, "certificate"));
    assert_int_equal(t.requests, 0);
    tls_stop(&t);
}

/* ---- nobody else is contacted ---- */

static const struct mock_opts plain = {.key = "key-of-the-test"}, keyless = {0};

static void redirects_are_not_followed(void **state)
{
    (void)state;
    struct served s, other;
    struct error e;
    enum answer_status status;
    char spec[200];
    served_start(&other, &plain);
    served_start(&s, &(struct mock_opts){.redirect_port = other.port});
    snprintf(spec, sizeof spec, "openai:tiny@http://127.0.0.1:%d/v1", s.port);
    assert_int_equal(ask(spec, &status, &e), ERR_MODEL);
    served_stop(&s);
    served_stop(&other);
    assert_int_equal(s.counts.requests, 1);
    assert_int_equal(other.counts.requests, 0);
}

static void proxies_come_from_the_configuration_only(void **state)
{
    (void)state;
    struct served s;
    struct error e;
    enum answer_status status;
    char spec[200];
    served_start(&s, &keyless);
    setenv("http_proxy", "http://127.0.0.1:9", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:9", 1);
    snprintf(spec, sizeof spec, "openai:tiny@http://127.0.0.1:%d/v1", s.port);
    OK(ask(spec, &status, &e));
    assert_int_equal(status, ANSWER_OK);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    /* With one configured the server's own name is not even looked up. */
    unsetenv("CLIO_OPENAI_KEY");
    setenv("no_proxy", "*", 1); /* nor does this lead around it */
    snprintf(spec, sizeof spec, "openai:tiny@http://nowhere.invalid/v1?proxy=http://127.0.0.1:%d", s.port);
    assert_int_equal(ask(spec, &status, &e), ERR_MODEL); /* this proxy knows no such page */
    unsetenv("no_proxy");
    setenv("CLIO_OPENAI_KEY", "key-of-the-test", 1);
    served_stop(&s);
    assert_int_equal(s.counts.requests, 2);
}

/* ---- keys ---- */

static void keys_come_from_the_environment_or_a_private_file(void **state)
{
    char path[256], spec[600];
    struct served s;
    struct error e;
    enum answer_status status;
    served_start(&s, &plain);
    snprintf(spec, sizeof spec, "openai:tiny@http://127.0.0.1:%d/v1", s.port);
    OK(ask(spec, &status, &e)); /* from the environment */
    spec[0] = 0;
    snprintf(spec, sizeof spec, "anthropic:tiny@http://127.0.0.1:%d/v1", s.port);
    OK(ask(spec, &status, &e));
    setenv("CLIO_OPENAI_KEY", "key-of-somebody", 1);
    snprintf(spec, sizeof spec, "openai:tiny@http://127.0.0.1:%d/v1", s.port);
    assert_int_equal(ask(spec, &status, &e), ERR_AUTH);
    assert_null(strstr(e.text, "key-of-somebody"));
    assert_non_null(strstr(e.hint, "CLIO_OPENAI_KEY"));
    OK(file_write_atomic(scratch_path(state, "key", path), STR("key-of-the-test\n"), &e));
    snprintf(spec, sizeof spec, "openai:tiny@http://127.0.0.1:%d/v1?key_file=%s", s.port, path);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(ask(spec, &status, &e), ERR_CONFIG);
    assert_non_null(strstr(e.text, "others may read"));
    assert_int_equal(chmod(path, 0600), 0);
    OK(ask(spec, &status, &e)); /* the file comes before the environment */
    assert_int_equal(status, ANSWER_OK);
    setenv("CLIO_OPENAI_KEY", "key-of-the-test", 1);
    served_stop(&s);
}

/* ---- embeddings ---- */

static void *set_soon(void *stop)
{
    nanosleep(&(struct timespec){.tv_nsec = 200 * 1000000L}, NULL);
    atomic_store((atomic_bool *)stop, true);
    return NULL;
}

static void embeddings_stop_when_told_to(void **state)
{
    (void)state;
    char spec[200];
    struct served s;
    struct model m;
    struct error e = {0};
    struct str texts[2] = {STR("one"), STR("two")};
    atomic_bool stop = false;
    const struct model_opts opts = {.stop = &stop};
    pthread_t thread;
    served_start(&s, &(struct mock_opts){.latency_ms = 0});
    snprintf(spec, sizeof spec, "openai:tiny@http://127.0.0.1:%d/v1?embed=1", s.port);
    OK(model_open(str_of(spec), &opts, &m, &e));
    struct mat rows = {mem_zero(2 * m.info.width, sizeof(float)), 2, m.info.width};
    OK(m.ops->embed(m.ctx, texts, 2, rows, NULL, &e));
    texts[0] = STR("mock:timeout:0:x");
    double start = clock_seconds();
    assert_int_equal(pthread_create(&thread, NULL, set_soon, &stop), 0);
    assert_int_equal(m.ops->embed(m.ctx, texts, 2, rows, NULL, &e), ERR_INTERRUPTED);
    assert_true(clock_seconds() - start < 10);
    pthread_join(thread, NULL);
    model_close(&m);
    free(rows.at);
    served_stop(&s);
}

static int set_up(void **state)
{
    (void)state;
    unsetenv("OPENAI_API_KEY");
    unsetenv("ANTHROPIC_API_KEY");
    setenv("CLIO_ANTHROPIC_KEY", "key-of-the-test", 1);
    return setenv("CLIO_OPENAI_KEY", "key-of-the-test", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(certificates_are_verified),
        SCRATCH_TEST(so_is_the_name_in_them),
        cmocka_unit_test(redirects_are_not_followed),
        cmocka_unit_test(proxies_come_from_the_configuration_only),
        SCRATCH_TEST(keys_come_from_the_environment_or_a_private_file),
        cmocka_unit_test(embeddings_stop_when_told_to),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
