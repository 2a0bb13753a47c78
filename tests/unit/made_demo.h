/*
 * made_demo.h: a run large enough to look at: three levels, ten weeks, five languages, a map. Invented from first to
 * last. test_serve --demo PATH serves one, for whoever works on the page.
 */
#ifndef CLIO_TESTS_MADE_DEMO_H
#define CLIO_TESTS_MADE_DEMO_H

#include "made_run.h"

#include <math.h>

struct made_leaf {
    const char *name, *short_name;
    int size, concern; /* concern: share of 2 and above, in percent */
    int spanish;       /* percent */
    int growth;        /* percent more in the last week than in the first */
};

struct made_top {
    const char *name, *short_name;
    struct made_leaf leaves[7];
};

static const struct made_top made_tops[] = {
    {"Build, fix and understand software",
     "Software",
     {{"Find out why a web page's script fails", "Debug web pages", 96, 2, 8, 20},
      {"Write queries for a relational database", "SQL queries", 71, 1, 15, -30},
      {"Turn a spreadsheet task into a small program", "Automate spreadsheets", 64, 1, 12, 60},
      {"Explain what an unfamiliar piece of code does", "Explain code", 58, 1, 9, 0},
      {"Set up containers and deployment scripts", "Deployment", 41, 3, 5, 140},
      {"Design the tables and interfaces of a new app", "App design", 37, 2, 10, 30}}},
    {"Write, shorten and polish texts",
     "Writing",
     {{"Polish job applications and letters to employers", "Job applications", 88, 1, 34, 10},
      {"Rewrite work e-mail in a friendlier tone", "Work e-mail", 73, 1, 14, 0},
      {"Draft posts and captions for social media", "Social media posts", 52, 4, 22, 80},
      {"Invent scenes and characters for a story", "Stories", 49, 9, 11, -20},
      {"Summarise long articles and reports", "Summaries", 44, 1, 17, 15}}},
    {"Learn and practise for school and university",
     "Learning",
     {{"Work through algebra and calculus step by step", "Algebra and calculus", 67, 1, 28, -50},
      {"Practise conversation in a foreign language", "Language practice", 46, 1, 41, 25},
      {"Check the argument of an essay", "Essay feedback", 39, 2, 19, -40},
      {"Explain concepts of biology and chemistry", "Biology, chemistry", 35, 1, 23, -10}}},
    {"Plan business, marketing and money",
     "Business",
     {{"Outline marketing plans for small shops", "Marketing plans", 45, 2, 25, 40},
      {"Compare ways to price a product", "Pricing", 31, 1, 9, 5},
      {"Prepare slides and talking points for investors", "Pitch decks", 28, 2, 6, 10}}},
    {"Ask about health and personal matters",
     "Health, personal",
     {{"Understand symptoms and what to ask a doctor", "Symptoms", 43, 28, 31, 10},
      {"Get advice on conflicts with friends or family", "Relationships", 36, 22, 24, 35},
      {"Plan meals and exercise", "Meals, exercise", 33, 4, 20, 5}}},
    {"Plan trips, meals and everyday errands",
     "Everyday",
     {{"Put together an itinerary for a short trip", "Trips", 38, 1, 18, 90},
      {"Cook something from what is in the kitchen", "Recipes", 30, 1, 26, -5}}},
};

enum { MADE_TOPS = sizeof made_tops / sizeof *made_tops, MADE_WEEKS = 10 };

static inline float made_normal(struct rng *r)
{
    return (float)(sqrt(-2 * log(rng_unit(r) + 1e-12)) * cos(6.283185307 * rng_unit(r)));
}

static inline void made_demo_talk(struct made *m, const struct made_leaf *leaf, int64_t id, struct rng *r, float x,
                                  float y)
{
    static const char *const languages[] = {"Portuguese", "German", "French", "Japanese"};
    char account[32];
    int week;
    do /* more of the later weeks where it grows */
        week = (int)rng_below(r, MADE_WEEKS);
    while ((double)rng_below(r, 100) > 50.0 + leaf->growth * (week - 4.5) / 12);
    uint64_t dice = rng_below(r, 100), spanish = (uint64_t)leaf->spanish;
    const char *language = dice < spanish ? "Spanish" : dice < spanish + 14 ? languages[rng_below(r, 4)] : "English";
    int concern = rng_below(r, 100) >= (uint64_t)leaf->concern ? 1 : 2 + (int)rng_below(r, 3);
    snprintf(account, sizeof account, "account-%llu", (unsigned long long)rng_below(r, 1100));
    int64_t rec = made_talk(m, id, account, week, language, concern, 1 + (int)(rng_below(r, 6) * rng_below(r, 5)));
    MADE(m, points_put(&m->run, STR("request"), rec, x + made_normal(r) * 0.42f, y + made_normal(r) * 0.42f, &m->e));
}

static inline void made_demo(struct made *m, const char *path, bool public_data)
{
    struct rng r = rng_seed(7, 0);
    size_t leaves = 0;
    made_open(m, path);
    MADE(m, db_begin(m->run.db, &m->e));
    for (size_t t = 0; t < MADE_TOPS; t++) {
        double angle = 6.283185307 * (double)t / MADE_TOPS;
        int64_t top = made_node(m, 1, t, -1, made_tops[t].name, made_tops[t].short_name, 5);
        for (size_t i = 0; i < 7 && made_tops[t].leaves[i].name; i++) {
            const struct made_leaf *leaf = &made_tops[t].leaves[i];
            double turn = 2.4 * (double)i, away = 0.75 * sqrt((double)i + 0.3);
            float x = (float)(5.6 * cos(angle) + away * cos(turn) * 1.6);
            float y = (float)(4.4 * sin(angle) + away * sin(turn) * 1.6);
            int64_t id = made_node(m, 0, leaves++, top, leaf->name, leaf->short_name, 4);
            for (int n = 0; n < leaf->size * 3; n++)
                made_demo_talk(m, leaf, id, &r, x, y);
        }
    }
    int64_t small = made_node(m, 0, leaves++, cluster_id(0, 1, 2), "Planted small cluster", "Small", 5);
    int64_t risky = made_node(m, 0, leaves++, cluster_id(0, 1, 3), "Planted risky cluster", "Risky", 2);
    made_group(m, small, "tiny", 12, 3, "English");
    made_group(m, risky, "risk", 33, 4, "English");
    MADE(m, db_commit(m->run.db, &m->e));
    m->config.public_data = public_data;
    m->config.account_per_conversation = public_data;
    if (public_data)
        m->config.min_accounts = m->config.min_conversations = 3, m->config.min_cell_accounts = 1;
    made_finish(m);
}

#endif
