#include "base/json.h"
#include "base/text.h"
#include "cmd/job.h"

#include <stdlib.h>

static const struct option_row options[] = {
    JOB_OPTION_CONFIG,
    {"run", 'r', OPTION_TEXT, "RUN", "the facets of this run"},
    {"json", 'j', OPTION_FLAG, NULL, "the facets as a JSON array"},
    {0},
};

static const char *what_it_is(const struct facet_def *f)
{
    switch (f->source) {
    case FROM_TRANSCRIPT:
        return "counted by the program";
    case FROM_LANGID:
        return "recognised by lid.176, asked of the model where that is unsure";
    case FROM_METADATA:
        return "a metadata value the data carries";
    case FROM_MODEL:
        break;
    }
    return f->alone ? "asked of the model, in a question of its own" : "asked of the model";
}

/* A configuration may come from somebody else: nothing in it may steer the terminal. */
static void print_text(const char *label, struct str text)
{
    struct buf line = {0};
    text_add_line(&line, text);
    if (line.n)
        printf("    %s: %s\n", label, line.at);
    buf_release(&line);
}

static void print_list(const char *label, const struct str *list, size_t n)
{
    struct buf all = {0};
    for (size_t i = 0; i < n; i++) {
        buf_addz(&all, i ? ", " : "");
        buf_add(&all, list[i]);
    }
    print_text(label, buf_str(&all));
    buf_release(&all);
}

static void print_facet(const struct facet_def *f)
{
    printf(STR_FMT " (%s%s): %s\n", STR_ARG(f->name), facet_kind_name(f->kind), f->several ? ", several values" : "",
           what_it_is(f));
    print_text("question", f->question);
    print_text("a few words first", f->lead);
    print_text("answer starts", f->answer_start);
    if (f->kind == FACET_ORDINAL)
        printf("    range: %lld to %lld\n", (long long)f->min, (long long)f->max);
    print_list("labels", f->labels, f->labels_count);
    print_list("values", f->values, f->values_count);
    print_text("metadata key", f->key);
    if (f->cluster) {
        printf("    clustered: yes, this facet gets a tree\n");
        print_text("names are", f->name_form);
    }
}

static enum err print_json(const struct config *c, struct error *e)
{
    struct buf text = {0};
    yyjson_doc *doc;
    config_write(c, &text);
    enum err result = json_parse(buf_str(&text), false, &doc, e);
    buf_release(&text);
    if (result != ERR_OK)
        return result;
    char *facets = yyjson_val_write(yyjson_obj_get(yyjson_doc_get_root(doc), "facets"), 0, NULL);
    puts(facets ? facets : "[]");
    free(facets);
    yyjson_doc_free(doc);
    return ERR_OK;
}

static enum err run(const struct args *args, struct error *e)
{
    struct job j = {.run.lock_fd = -1};
    enum err result = args_rest(args, 0, 0, "", e);
    if (result == ERR_OK)
        result = job_configure(&j, &(struct job_request){.args = args, .path = args_text(args, "run", NULL)}, e);
    if (result == ERR_OK && args_flag(args, "json")) {
        result = print_json(&j.config, e);
    } else if (result == ERR_OK) {
        for (size_t i = 0; i < j.config.facets_count; i++)
            print_facet(&j.config.facets[i]);
    }
    job_close(&j);
    return result;
}

const struct command command_facets = {
    .name = "facets",
    .summary = "List and explain the facets: what is asked about each conversation",
    .usage = "[--config FILE | --run RUN] [--json]",
    .examples = "clio facets\nclio facets --config clio.json\nclio facets --run my-run --json",
    .details = "Next: clio init to change them.",
    .options = options,
    .run = run,
};
