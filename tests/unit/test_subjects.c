/* What a group is about, counted from its members' leads; and names of a level told apart. Hashed words as vectors. */
#include "stage/subjects.h"

#include "stage/naming.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "scratch.h"

struct fixture {
    struct run run;
    struct config config;
    struct stage_context c;
    struct arena a;
    struct error e;
};

static void open_fixture(void **state, const char *name, struct fixture *f)
{
    char path[256];
    *f = (struct fixture){.config = {.model_embed = STR("hash:256")}};
    OK(run_open(scratch_path(state, name, path), RUN_CREATE, &f->run, &f->e));
    f->c = (struct stage_context){.run = &f->run, .config = &f->config, .stage = "label"};
}

static void close_fixture(struct fixture *f)
{
    stage_close_models(&f->c);
    run_close(&f->run);
    arena_release(&f->a);
}

enum { MEMBERS_MAX = 16 };

/* Account i is member i's, but the last `same` members share one. Returns how many phrases were found. */
static size_t subjects(struct fixture *f, const char *const *texts, size_t n, size_t same, uint64_t k,
                       const struct str *more, size_t more_count, struct str out[SUBJECTS_MAX])
{
    struct str *strs = arena_new(&f->a, n, sizeof *strs);
    int64_t accounts[MEMBERS_MAX];
    struct model *m;
    struct usage usage = {0};
    size_t found;
    for (size_t i = 0; i < n; i++) {
        strs[i] = str_of(texts[i]);
        accounts[i] = (int64_t)(i + same >= n ? 99 : i);
    }
    OK(stage_model(&f->c, ROLE_EMBED, &m, &f->e));
    struct about about = {.support = {.texts = strs, .accounts = accounts, .n = n, .k = k},
                          .members = {arena_new(&f->a, n * m->info.width, sizeof(float)), n, m->info.width},
                          .have_leads = true,
                          .more = more,
                          .more_count = more_count};
    OK(m->ops->embed(m->ctx, strs, n, about.members, &usage, &f->e));
    OK(subjects_of(&f->c, &about, &f->a, out, &found, &f->e));
    return found;
}

static const char *const mixed[] = {
    "cooking: cooking soup",   "travel: travel by train", "cooking: cooking beans", "travel: travel to the sea",
    "cooking: cooking slowly", "travel: travel cheaply",  "chess: play chess",
};
enum { MIXED = sizeof mixed / sizeof *mixed };

static void the_leads_that_stand_for_most_are_joined(void **state)
{
    struct fixture f;
    struct str out[SUBJECTS_MAX];
    open_fixture(state, "joined", &f);
    assert_int_equal(subjects(&f, mixed, MIXED, 0, 3, NULL, 0, out), 2); /* chess has one account: no set of three */
    assert_true(str_eqz(out[1], "cooking and travel") || str_eqz(out[1], "travel and cooking"));
    f.config.public_data = true;
    assert_int_equal(subjects(&f, mixed, MIXED, 0, 1, NULL, 0, out), 3);
    assert_true(str_find(out[2], STR("chess")) != SIZE_MAX);
    close_fixture(&f);
}

/* Many conversations of one account are one account. */
static void a_subject_of_few_accounts_is_not_told(void **state)
{
    static const char *const texts[] = {
        "gardens: plant a hedge", "gardens: prune a hedge", "gardens: water a hedge",
        "knots: tie one knot",    "knots: tie two knots",   "knots: tie three knots",
    };
    struct fixture f;
    struct str out[SUBJECTS_MAX];
    open_fixture(state, "few", &f);
    assert_int_equal(subjects(&f, texts, 6, 3, 3, NULL, 0, out), 1);
    assert_true(str_eqz(out[0], "gardens"));
    f.config.public_data = true; /* then the closest may be told, but no set with it */
    assert_int_equal(subjects(&f, texts, 6, 3, 3, NULL, 0, out), 1);
    close_fixture(&f);
}

static void names_without_support_and_broken_lists_stay_out(void **state)
{
    static const char *const texts[] = {
        "Fort Larrick: walk there",
        "a, b: walk there",
        "walking: walk there",
        "walking: walk far",
    };
    struct fixture f;
    struct str out[SUBJECTS_MAX];
    open_fixture(state, "support", &f);
    assert_int_equal(subjects(&f, texts, 4, 0, 2, NULL, 0, out), 1);
    assert_true(str_eqz(out[0], "walking"));
    close_fixture(&f);
}

static void texts_without_leads_have_the_models_subjects_only(void **state)
{
    static const char *const texts[] = {"bake bread", "bake cakes", "bake rolls"};
    const struct str more[] = {STR_INIT("bake"), STR_INIT("Fort Larrick")};
    struct fixture f;
    struct str out[SUBJECTS_MAX];
    open_fixture(state, "more", &f);
    assert_int_equal(subjects(&f, texts, 3, 0, 2, NULL, 0, out), 0);
    assert_int_equal(subjects(&f, texts, 3, 0, 2, more, 2, out), 1);
    assert_true(str_eqz(out[0], "bake"));
    close_fixture(&f);
}

static void a_second_cluster_of_a_name_takes_its_next_best(void **state)
{
    (void)state;
    struct naming all[] = {
        {.name = STR("Cook")},
        {.name = STR("Cook"), .others = {STR("Cook"), STR("Bake")}, .others_count = 2},
        {.name = STR("Bake"), .others = {STR("Bread")}, .others_count = 1},
        {.name = STR("Cook")}, /* has nothing else */
        {.name = {0}},
    };
    naming_tell_apart(all, sizeof all / sizeof *all);
    assert_true(str_eqz(all[0].name, "Cook"));
    assert_true(str_eqz(all[1].name, "Bake"));
    assert_true(str_eqz(all[2].name, "Bread"));
    assert_true(str_eqz(all[3].name, "Cook"));
    assert_int_equal(all[4].name.n, 0);
}

/* Is the contrast shown to a model of this name and window? What answers is wrapped, as the pipeline wraps it. */
static bool shows_contrast(void **state, const char *folder, const char *model, uint64_t window)
{
    static const struct model_ops wrapped = {.scheme = "meter"};
    struct fixture f;
    open_fixture(state, folder, &f);
    f.c.fast = (struct model){.ops = &wrapped};
    f.c.fast.info.context_tokens = window;
    snprintf(f.c.fast.info.name, sizeof f.c.fast.info.name, "%s", model);
    const struct str member = STR("cooking: bake bread"), near = STR("gardening: plant basil");
    const struct facet_def facet = {
        .name = STR("request"), .name_form = STR("a sentence"), .name_start = STR("Get help with")};
    const struct naming_question q = {
        .members = &member, .members_count = 1, .contrast = &near, .contrast_count = 1, .facet = &facet};
    struct request r = {0};
    OK(naming_request(&f.c, &q, &f.a, &r, &f.e));
    assert_true(str_find(r.asks[0].user, member) != SIZE_MAX);
    bool shown = str_find(r.asks[0].user, near) != SIZE_MAX;
    close_fixture(&f);
    return shown;
}

static void a_small_model_is_not_shown_the_contrast(void **state)
{
    assert_false(shows_contrast(state, "small", "local:tiny", 4096));
    assert_true(shows_contrast(state, "large", "local:large", 32768));
    assert_true(shows_contrast(state, "server", "openai:tiny", 4096));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(a_small_model_is_not_shown_the_contrast),
        SCRATCH_TEST(the_leads_that_stand_for_most_are_joined),
        SCRATCH_TEST(a_subject_of_few_accounts_is_not_told),
        SCRATCH_TEST(names_without_support_and_broken_lists_stay_out),
        SCRATCH_TEST(texts_without_leads_have_the_models_subjects_only),
        cmocka_unit_test(a_second_cluster_of_a_name_takes_its_next_best),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
