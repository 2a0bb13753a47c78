/* Batch APIs of both providers against the mock server: what is sent, what comes, what is remembered, what goes wrong.
 */
#include "model/batch_book.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "served.h"

static const struct field fields[] = {{.name = "answer", .kind = FIELD_TEXT, .max_chars = 60}};
static const struct schema schema = {fields, 1};
static const char *const providers[] = {"anthropic:tiny", "openai:tiny"};

enum { PROVIDERS = 2, REQUESTS_MAX = 40, OUTS_MAX = 20 };

/* A book in memory: what run.db is to a run. */
struct page {
    struct batch_entry entry;
    struct hash items[REQUESTS_MAX];
    bool struck;
};

struct book {
    struct page pages[OUTS_MAX];
    size_t n, begun;
    bool forget_ids; /* as if the process had been killed before it heard the id */
};

static enum err enter(void *arg, const struct batch_entry *b, const struct hash *items, struct error *e)
{
    struct book *k = arg;
    (void)e;
    assert_true(k->n < OUTS_MAX && b->requests <= REQUESTS_MAX);
    struct page *p = &k->pages[k->n++];
    *p = (struct page){.entry = *b};
    memcpy(p->items, items, b->requests * sizeof *items);
    k->begun++;
    return ERR_OK;
}

static struct page *page_of(struct book *k, const char *token)
{
    for (size_t i = 0; i < k->n; i++)
        if (strcmp(k->pages[i].entry.token, token) == 0)
            return &k->pages[i];
    fail_msg("a batch that was never entered");
    return NULL;
}

static enum err arrived(void *arg, const struct batch_entry *b, struct error *e)
{
    struct book *k = arg;
    if (k->forget_ids)
        return error_set(e, ERR_IO, "killed");
    memcpy(page_of(k, b->token)->entry.id, b->id, sizeof b->id);
    return ERR_OK;
}

static enum err strike(void *arg, const struct batch_entry *b, struct error *e)
{
    (void)e;
    page_of(arg, b->token)->struck = true;
    return ERR_OK;
}

static enum err each(void *arg, const char *model, batch_entry_fn *fn, void *fn_arg, struct error *e)
{
    struct book *k = arg;
    (void)e;
    for (size_t i = 0; i < k->n; i++)
        if (!k->pages[i].struck && strcmp(k->pages[i].entry.model, model) == 0)
            fn(fn_arg, &k->pages[i].entry);
    return ERR_OK;
}

static enum err find(void *arg, struct hash item, char token[BATCH_TOKEN], struct error *e)
{
    struct book *k = arg;
    (void)e;
    token[0] = '\0';
    for (size_t i = 0; i < k->n; i++)
        for (size_t j = 0; j < k->pages[i].entry.requests && !k->pages[i].struck; j++)
            if (memcmp(&k->pages[i].items[j], &item, sizeof item) == 0)
                memcpy(token, k->pages[i].entry.token, BATCH_TOKEN);
    return ERR_OK;
}

static enum err flush(void *arg, struct error *e)
{
    (void)arg, (void)e;
    return ERR_OK;
}

static struct batch_book book_of(struct book *k)
{
    return (struct batch_book){
        .enter = enter, .arrived = arrived, .strike = strike, .each = each, .find = find, .flush = flush, .arg = k};
}

/* ---- asking ---- */

struct got {
    struct answer answers[REQUESTS_MAX];
    size_t times[REQUESTS_MAX], n;
};

static void on_answer(void *arg, size_t i, const struct answer *answer)
{
    struct got *g = arg;
    g->answers[i] = *answer;
    g->times[i]++;
    g->n++;
}

struct play {
    const char *provider, *options; /* "&batch_requests=3" */
    const char *const *words;       /* [n] in the text of each question; NULL: none */
    size_t n, asks;
    const atomic_bool *stop;
};

static enum err ask(const struct served *s, const struct play *p, struct book *k, struct got *g, struct error *e)
{
    struct arena a = {0};
    struct model m;
    struct ask asks[REQUESTS_MAX][2];
    struct request requests[REQUESTS_MAX];
    struct batch_book book = book_of(k);
    struct model_opts opts = {.batches = &book};
    struct str spec = str_printf(&a, "%s@http://127.0.0.1:%d/v1?backoff=1&batch=1%s", p->provider, s->port,
                                 p->options ? p->options : "");
    *g = (struct got){0};
    *e = (struct error){0};
    if (model_open(spec, &opts, &m, e) != ERR_OK)
        fail_msg("%s", e->text);
    for (size_t i = 0; i < p->n; i++) {
        const char *word = p->words && p->words[i] ? p->words[i] : "";
        asks[i][0] = (struct ask){str_printf(&a, "SECRET bicycle %zu %s", i, word), &schema};
        asks[i][1] = (struct ask){STR("And why?"), &schema};
        requests[i] = (struct request){
            .system = STR("Be brief."), .asks = asks[i], .asks_count = p->asks ? p->asks : 1, .seed = i};
    }
    enum err result = model_complete(&m, requests, p->n, on_answer, g, p->stop, e);
    model_close(&m);
    arena_release(&a);
    assert_null(strstr(e->text, "SECRET"));
    return result;
}

static void expect_all_ok(const struct got *g, size_t n)
{
    assert_int_equal(g->n, n);
    for (size_t i = 0; i < n; i++) {
        if (g->answers[i].status != ANSWER_OK)
            fail_msg("question %zu: %s", i, g->answers[i].reason);
        assert_int_equal(g->times[i], 1);
    }
}

static void expect_clean(const struct book *k)
{
    for (size_t i = 0; i < k->n; i++)
        if (!k->pages[i].struck)
            fail_msg("batch %zu is still in the book", i);
}

/* ---- the tests ---- */

/* The first question goes directly, the others in batches of at most 3; nothing is left at the server or in the book.
 */
static void questions_go_in_batches_of_limited_size(void **state)
{
    (void)state;
    for (size_t p = 0; p < PROVIDERS; p++) {
        struct served s;
        struct book k = {0};
        struct got g;
        struct error e;
        served_start(&s, &(struct mock_opts){.batch_ms = 30});
        struct play play = {.provider = providers[p], .options = "&batch_requests=3", .n = 11};
        if (ask(&s, &play, &k, &g, &e) != ERR_OK)
            fail_msg("%s", e.text);
        expect_all_ok(&g, 11);
        expect_clean(&k);
        served_stop(&s);
        assert_int_equal(s.counts.batches, 4); /* 3 3 3 1 */
        assert_int_equal(s.counts.batch_items, 10);
        assert_int_equal(s.counts.batch_again, 0);
        assert_int_equal(s.counts.batches_left, 0);
        assert_true(g.answers[3].usage.tokens_in > 0);
    }
}

/* Bytes count too: each question here is over half a megabyte. */
static void batches_are_cut_by_bytes(void **state)
{
    (void)state;
    enum { LONG = 600 * 1000 };
    char *word = mem_zero(LONG + 1, 1);
    const char *words[] = {NULL, word, word, word};
    memset(word, 'x', LONG);
    for (size_t p = 0; p < PROVIDERS; p++) {
        struct served s;
        struct book k = {0};
        struct got g;
        struct error e;
        served_start(&s, &(struct mock_opts){.batch_ms = 10});
        struct play play = {.provider = providers[p], .options = "&batch_mb=1", .words = words, .n = 4};
        assert_int_equal(ask(&s, &play, &k, &g, &e), ERR_OK);
        expect_all_ok(&g, 4);
        served_stop(&s);
        assert_int_equal(s.counts.batches, 3);
    }
    free(word);
}

/* A dialogue takes a batch an ask, and carries what was answered. */
static void dialogues_go_on_in_the_next_batch(void **state)
{
    (void)state;
    for (size_t p = 0; p < PROVIDERS; p++) {
        struct served s;
        struct book k = {0};
        struct got g;
        struct error e;
        served_start(&s, &(struct mock_opts){.batch_ms = 10});
        struct play play = {.provider = providers[p], .n = 6, .asks = 2};
        assert_int_equal(ask(&s, &play, &k, &g, &e), ERR_OK);
        expect_all_ok(&g, 6);
        expect_clean(&k);
        assert_int_equal(g.answers[5].usage.calls, 2);
        served_stop(&s);
        assert_int_equal(s.counts.batches, 2);
        assert_int_equal(s.counts.batch_items, 10);
    }
}

static void *set_soon(void *stop)
{
    nanosleep(&(struct timespec){.tv_nsec = 300 * 1000000L}, NULL);
    atomic_store((atomic_bool *)stop, true);
    return NULL;
}

/* Stopped while a batch is on its way: the next process collects it, and sends nothing twice. */
static void batches_are_collected_by_the_next_process(void **state)
{
    (void)state;
    for (size_t p = 0; p < PROVIDERS; p++) {
        struct served s;
        struct book k = {0};
        struct got g;
        struct error e;
        atomic_bool stop = false;
        pthread_t thread;
        served_start(&s, &(struct mock_opts){.batch_ms = 600});
        struct play play = {.provider = providers[p], .options = "&batch_requests=4", .n = 9, .stop = &stop};
        assert_int_equal(pthread_create(&thread, NULL, set_soon, &stop), 0);
        assert_int_equal(ask(&s, &play, &k, &g, &e), ERR_INTERRUPTED);
        pthread_join(thread, NULL);
        assert_int_equal(g.n, 1);
        assert_int_equal(k.begun, 2);
        play.stop = NULL;
        assert_int_equal(ask(&s, &play, &k, &g, &e), ERR_OK);
        expect_all_ok(&g, 9);
        expect_clean(&k);
        served_stop(&s);
        assert_int_equal(s.counts.batches, 2); /* the first one is asked directly each time: this test has no ledger */
        assert_int_equal(s.counts.batch_again, 0);
        assert_int_equal(s.counts.batches_left, 0);
    }
}

/* A batch that nobody asks for any more, since the questions changed, is cancelled, and nothing of it stays. */
static void a_batch_of_other_questions_is_cancelled(void **state)
{
    (void)state;
    const char *words[] = {"else"};
    for (size_t p = 0; p < PROVIDERS; p++) {
        struct served s;
        struct book k = {0};
        struct got g;
        struct error e;
        atomic_bool stop = false;
        pthread_t thread;
        served_start(&s, &(struct mock_opts){.batch_ms = 2000});
        struct play play = {.provider = providers[p], .n = 6, .stop = &stop};
        assert_int_equal(pthread_create(&thread, NULL, set_soon, &stop), 0);
        assert_int_equal(ask(&s, &play, &k, &g, &e), ERR_INTERRUPTED);
        pthread_join(thread, NULL);
        play = (struct play){.provider = providers[p], .words = words, .n = 1};
        assert_int_equal(ask(&s, &play, &k, &g, &e), ERR_OK);
        expect_all_ok(&g, 1);
        expect_clean(&k);
        served_stop(&s);
        assert_int_equal(s.counts.batches, 1);
        assert_int_equal(s.counts.batches_left, 0);
    }
}

/* Killed between the server's yes and our note of it: the batch is found there, and not sent again. */
static void a_batch_whose_id_was_lost_is_found(void **state)
{
    (void)state;
    for (size_t p = 0; p < PROVIDERS; p++) {
        struct served s;
        struct book k = {.forget_ids = true};
        struct got g;
        struct error e;
        served_start(&s, &(struct mock_opts){.batch_ms = 10});
        struct play play = {.provider = providers[p], .n = 6};
        assert_int_equal(ask(&s, &play, &k, &g, &e), ERR_IO);
        assert_int_equal(k.begun, 1);
        k.forget_ids = false;
        assert_int_equal(ask(&s, &play, &k, &g, &e), ERR_OK);
        expect_all_ok(&g, 6);
        expect_clean(&k);
        served_stop(&s);
        assert_int_equal(s.counts.batch_again, 0);
        assert_int_equal(s.counts.batch_items, 5);
    }
}

/*
 * With OpenAI's interface the questions go into a file first. Ended or refused before there is a batch of it, or
 * uploaded twice because the first reply was lost: no file stays there.
 */
static void uploads_without_a_batch_are_deleted(void **state)
{
    (void)state;
    static const struct {
        const char *word, *options;
        enum err first; /* how the first process ends */
        size_t left;    /* files it leaves */
    } cases[] = {
        {"inbatch:unpaid:1:x", "", ERR_AUTH, 1},
        {"inbatch:too-large:2:x", "", ERR_OK, 0},
        {"mock:timeout-in-body:1:x", "&timeout=1", ERR_OK, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *words[] = {NULL, NULL, NULL, cases[i].word, NULL, NULL, NULL, NULL};
        struct served s;
        struct book k = {0};
        struct got g;
        struct error e;
        served_start(&s, &(struct mock_opts){.batch_ms = 10});
        struct play play = {.provider = "openai:tiny", .options = cases[i].options, .words = words, .n = 8};
        enum err result = ask(&s, &play, &k, &g, &e);
        if (result != cases[i].first)
            fail_msg("%s: %s", cases[i].word, e.text);
        struct mock_counts left;
        assert_int_equal(mock_ask_counts(s.port, &left, &e), ERR_OK);
        if (left.batches_left != cases[i].left)
            fail_msg("%s: %d files are there", cases[i].word, (int)left.batches_left);
        if (result != ERR_OK)
            assert_int_equal(ask(&s, &play, &k, &g, &e), ERR_OK);
        expect_all_ok(&g, 8);
        expect_clean(&k);
        served_stop(&s);
        if (s.counts.batches_left)
            fail_msg("%s: %d files were left", cases[i].word, (int)s.counts.batches_left);
    }
}

/* Entered, but killed before it was sent: nobody finds it, so it is sent. */
static void a_batch_that_never_left_is_sent(void **state)
{
    (void)state;
    for (size_t p = 0; p < PROVIDERS; p++) {
        struct served s, other;
        struct book k = {.forget_ids = true};
        struct got g;
        struct error e;
        served_start(&other, &(struct mock_opts){.batch_ms = 10});
        struct play play = {.provider = providers[p], .n = 6};
        assert_int_equal(ask(&other, &play, &k, &g, &e), ERR_IO);
        served_stop(&other);
        k.forget_ids = false;
        served_start(&s, &(struct mock_opts){.batch_ms = 10, .port = other.port}); /* the model is the same */
        assert_int_equal(ask(&s, &play, &k, &g, &e), ERR_OK);
        expect_all_ok(&g, 6);
        expect_clean(&k);
        served_stop(&s);
        assert_int_equal(s.counts.batch_items, 5);
    }
}

/* The server has it, but its word was lost with the connection: looked for before it would be sent again. */
static void a_lost_reply_sends_nothing_twice(void **state)
{
    (void)state;
    const char *words[] = {NULL, NULL, NULL, "mock:timeout-in-body:1:x", NULL, NULL};
    struct served s;
    struct book k = {0};
    struct got g;
    struct error e;
    served_start(&s, &(struct mock_opts){.batch_ms = 10});
    struct play play = {.provider = "anthropic:tiny", .options = "&timeout=1", .words = words, .n = 6};
    assert_int_equal(ask(&s, &play, &k, &g, &e), ERR_OK);
    expect_all_ok(&g, 6);
    served_stop(&s);
    assert_int_equal(s.counts.batches, 1);
    assert_int_equal(s.counts.batch_again, 0);
}

/* What passes goes into another batch; what stays fails by itself, with a reason. */
static void trouble_of_single_items(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        size_t batches;
        const char *reason; /* NULL: answered in the end */
    } cases[] = {
        {"inbatch:duplicate:1:x", 1, NULL},
        {"inbatch:missing:1:x", 2, NULL},
        {"inbatch:missing:0:x", 3, "missing"},
        {"inbatch:expired:2:x", 3, NULL},
        {"inbatch:expired:0:x", 3, "expired"},
        {"inbatch:errored:1:x", 2, NULL},
        {"inbatch:errored:0:x", 3, "fails at this request"},
        {"inbatch:garbage:1:x", 2, NULL},
        {"inbatch:cancelled:1:x", 2, NULL},
        {"inbatch:all-expired:1:x", 2, NULL},
        {"inbatch:all-expired:0:x", 3, "expired"},
    };
    for (size_t p = 0; p < PROVIDERS; p++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            const char *words[] = {NULL, NULL, cases[i].word, NULL, NULL};
            struct served s;
            struct book k = {0};
            struct got g;
            struct error e;
            served_start(&s, &(struct mock_opts){0});
            struct play play = {.provider = providers[p], .words = words, .n = 5};
            bool of_files = strstr(cases[i].word, "all-expired") != NULL;
            if (of_files && p == 0) { /* Message Batches say it item by item */
                served_stop(&s);
                continue;
            }
            if (ask(&s, &play, &k, &g, &e) != ERR_OK)
                fail_msg("%s %s: %s", providers[p], cases[i].word, e.text);
            assert_int_equal(g.n, 5);
            for (size_t q = 0; q < 5; q++)
                assert_int_equal(g.times[q], 1);
            if (cases[i].reason) {
                assert_int_equal(g.answers[2].status, ANSWER_HOPELESS);
                assert_non_null(strstr(g.answers[2].reason, cases[i].reason));
            } else {
                expect_all_ok(&g, 5);
            }
            expect_clean(&k);
            served_stop(&s);
            if (s.counts.batches != cases[i].batches)
                fail_msg("%s %s: %d batches", providers[p], cases[i].word, (int)s.counts.batches);
            assert_int_equal(s.counts.batches_left, 0);
        }
}

/* A batch the server will not have is halved; the questions lose nothing. */
static void refused_batches_are_halved(void **state)
{
    (void)state;
    const char *words[] = {NULL, NULL, NULL, "inbatch:refused:2:x", NULL, NULL, NULL, NULL, NULL};
    for (size_t p = 0; p < PROVIDERS; p++) {
        struct served s;
        struct book k = {0};
        struct got g;
        struct error e;
        served_start(&s, &(struct mock_opts){0});
        struct play play = {.provider = providers[p], .words = words, .n = 9};
        if (ask(&s, &play, &k, &g, &e) != ERR_OK)
            fail_msg("%s", e.text);
        expect_all_ok(&g, 9);
        expect_clean(&k);
        served_stop(&s);
        assert_true(s.counts.batches >= 3);
    }
}

static void wrong_keys_show_at_once(void **state)
{
    (void)state;
    for (size_t p = 0; p < PROVIDERS; p++) {
        struct served s;
        struct book k = {0};
        struct got g;
        struct error e;
        served_start(&s, &(struct mock_opts){.key = "right"});
        struct play play = {.provider = providers[p], .n = 6};
        assert_int_equal(ask(&s, &play, &k, &g, &e), ERR_AUTH);
        assert_int_equal(k.begun, 0);
        served_stop(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(questions_go_in_batches_of_limited_size),
        cmocka_unit_test(batches_are_cut_by_bytes),
        cmocka_unit_test(dialogues_go_on_in_the_next_batch),
        cmocka_unit_test(batches_are_collected_by_the_next_process),
        cmocka_unit_test(a_batch_of_other_questions_is_cancelled),
        cmocka_unit_test(a_batch_whose_id_was_lost_is_found),
        cmocka_unit_test(uploads_without_a_batch_are_deleted),
        cmocka_unit_test(a_batch_that_never_left_is_sent),
        cmocka_unit_test(a_lost_reply_sends_nothing_twice),
        cmocka_unit_test(trouble_of_single_items),
        cmocka_unit_test(refused_batches_are_halved),
        cmocka_unit_test(wrong_keys_show_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
