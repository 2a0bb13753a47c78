#include "model/dialogue.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- prompts ---- */

static void add_marker(struct dialogue *d, const char *text)
{
    vocab_tokenize(d->m->vocab, str_of(text), true, &d->prompt);
}

/* Conversation text never becomes a control token. */
static void add_text(struct dialogue *d, struct str text)
{
    vocab_tokenize(d->m->vocab, text, false, &d->prompt);
}

/* Closes a segment that began at token `from`: it is read in chunks of its own. */
static void end_segment(struct dialogue *d, size_t from)
{
    for (size_t at = from + CHUNK_TOKENS; at < d->prompt.n; at += CHUNK_TOKENS)
        tokens_add(&d->ends, (int32_t)at);
    tokens_add(&d->ends, (int32_t)d->prompt.n);
}

/* Other dice for every request, the same ones for the same request: the seed and the prompt, nothing else. */
static struct rng dice(const struct dialogue *d)
{
    struct str bytes = {(const char *)d->prompt.at, d->prompt.n * sizeof *d->prompt.at};
    return rng_seed(d->request->seed, hash_u64(hash_of(bytes)));
}

static void forget_answer(struct dialogue *d)
{
    writer_release(&d->writer);
    d->writer = (struct writer){0};
    if (d->grammar)
        d->m->vocab->abi->grammar_free(d->grammar);
    d->grammar = NULL;
}

/* The answer begins with what its schema fixes, whatever the model says: that is read with the prompt's end. */
static void prime_answer(struct dialogue *d)
{
    writer_begin(&d->writer, d->m->vocab, d->request->asks[d->ask].answer, d->request->temperature, d->rng);
    d->all_fixed = !d->m->use_grammar && !writer_step(&d->writer, NULL);
    d->primed = d->writer.tokens.n;
    for (size_t i = 0; i < d->primed; i++)
        tokens_add(&d->prompt, d->writer.tokens.at[i]);
}

static void build_first_prompt(struct dialogue *d)
{
    const struct chat_format *f = d->m->format;
    struct str system = d->request->system;
    bool own_turn = f->system_open != NULL;
    if (d->m->first_token >= 0)
        tokens_add(&d->prompt, d->m->first_token);
    if (system.n) {
        add_marker(d, own_turn ? f->system_open : f->user_open);
        add_text(d, system);
        add_marker(d, f->system_close);
        end_segment(d, 0);
    }
    size_t from = system.n ? d->prompt.n : 0;
    if (own_turn || system.n == 0)
        add_marker(d, f->user_open);
    add_text(d, d->request->asks[0].user);
    add_marker(d, f->user_close);
    d->answer.usage.tokens_in = d->prompt.n;
    d->rng = dice(d);
    prime_answer(d);
    end_segment(d, from);
}

/* Follows an answer: its tokens that were not read yet, then the next turn. */
static void build_turn(struct dialogue *d)
{
    const struct chat_format *f = d->m->format;
    const struct tokens *written = &d->writer.tokens;
    d->position += d->read;
    d->prompt.n = d->ends.n = d->chunk = 0;
    for (size_t i = d->read; i < written->n; i++)
        tokens_add(&d->prompt, written->at[i]);
    size_t tail = d->prompt.n;
    forget_answer(d);
    add_marker(d, f->answer_close);
    add_marker(d, f->user_open);
    add_text(d, d->request->asks[d->ask].user);
    add_marker(d, f->user_close);
    prime_answer(d);
    end_segment(d, 0);
    d->answer.usage.tokens_in += d->prompt.n - tail - d->primed;
    d->phase = DIALOGUE_READING;
}

/* The least room the answers need; one that turns out longer ends the dialogue when the context is full. */
static size_t room_for_answers(const struct request *r)
{
    enum { SHORT_ANSWER = 64 };
    size_t sum = 0;
    for (size_t i = 0; i < r->asks_count; i++) {
        size_t most = schema_max_tokens(r->asks[i].answer) / 4;
        sum += most < SHORT_ANSWER ? most : SHORT_ANSWER;
        sum += i ? r->asks[i].user.n / 8 : 0;
    }
    return sum;
}

void dialogue_begin(struct dialogue *d, const struct dialogue_model *m, const struct request *r)
{
    forget_answer(d);
    arena_clear(&d->arena);
    d->prompt.n = d->ends.n = 0;
    *d = (struct dialogue){.prompt = d->prompt, .ends = d->ends, .arena = d->arena, .m = m, .request = r};
    build_first_prompt(d);
    if (d->prompt.n - d->primed + room_for_answers(r) > m->context)
        dialogue_fail(d, ANSWER_TOO_LONG, "the request does not fit the model's context");
}

void dialogue_release(struct dialogue *d)
{
    forget_answer(d);
    tokens_release(&d->prompt);
    tokens_release(&d->ends);
    arena_release(&d->arena);
}

void dialogue_fail(struct dialogue *d, enum answer_status status, const char *reason)
{
    d->phase = DIALOGUE_DONE;
    d->answer.status = status;
    d->answer.reason = reason;
}

/* ---- answers ---- */

static void answer_written(struct dialogue *d)
{
    struct writer *w = &d->writer;
    d->answer.usage.tokens_out += w->tokens.n;
    d->answer.texts[d->ask] = str_dup(&d->arena, buf_str(&w->json));
    d->rng = w->rng;
    if (d->read > w->kept)
        d->read = w->kept;
    if (++d->ask < d->request->asks_count) {
        build_turn(d);
        return;
    }
    d->phase = DIALOGUE_DONE;
    forget_answer(d);
}

/* The slow way: every token through llama.cpp's grammar sampler. False: the answer is complete. */
static bool step_by_grammar(struct dialogue *d, const float *from)
{
    const struct vocab *v = d->m->vocab;
    struct candidate top[CANDIDATES_MAX];
    float *logits = mem_new(v->n, sizeof *logits);
    memcpy(logits, from, v->n * sizeof *logits);
    v->abi->grammar_mask(d->grammar, logits, v->n);
    size_t n = writer_top(NULL, logits, v->n, top);
    free(logits);
    if (n == 0) {
        dialogue_fail(d, ANSWER_FAILED, "the grammar allows nothing");
        return true;
    }
    int32_t id = writer_sample(top, n, d->request->temperature, &d->writer.rng);
    d->writer.kept = d->writer.tokens.n;
    if (v->abi->token_kind(v->engine, id) & LLAMA_ABI_ENDS_TURN)
        return false;
    v->abi->grammar_take(d->grammar, id);
    tokens_add(&d->writer.tokens, id);
    buf_add(&d->writer.json, vocab_piece(v, id));
    return true;
}

static bool begin_grammar(struct dialogue *d, const struct schema *s)
{
    struct buf gbnf = {0};
    schema_gbnf(s, &gbnf);
    d->grammar = d->m->vocab->abi->grammar_new(d->m->vocab->engine, gbnf.at);
    buf_release(&gbnf);
    if (!d->grammar)
        dialogue_fail(d, ANSWER_FAILED, "llama.cpp did not take the grammar");
    return d->grammar != NULL;
}

static void step_answer(struct dialogue *d, const float *logits)
{
    bool more = d->m->use_grammar ? step_by_grammar(d, logits) : writer_step(&d->writer, logits);
    if (d->phase == DIALOGUE_DONE)
        return;
    if (d->read > d->writer.kept)
        d->read = d->writer.kept;
    if (!more)
        answer_written(d);
}

/* The prompt and the answer's fixed beginning are read. */
static void begin_answer(struct dialogue *d, const float *logits)
{
    d->answer.usage.calls++;
    d->position += d->prompt.n - d->primed;
    d->read = d->primed;
    d->phase = DIALOGUE_WRITING;
    if (d->all_fixed) {
        d->writer.kept = d->primed; /* all of it was read */
        answer_written(d);
    } else if (!d->m->use_grammar || begin_grammar(d, d->request->asks[d->ask].answer)) {
        step_answer(d, logits);
    }
}

/* ---- steps ---- */

bool dialogue_next(struct dialogue *d, struct dialogue_piece *out)
{
    if (d->phase == DIALOGUE_DONE)
        return false;
    if (d->phase == DIALOGUE_READING) {
        size_t from = d->chunk ? (size_t)d->ends.at[d->chunk - 1] : 0, to = (size_t)d->ends.at[d->chunk];
        *out = (struct dialogue_piece){d->prompt.at + from, to - from, d->position + from, d->chunk + 1 == d->ends.n};
    } else {
        size_t n = d->writer.tokens.n - d->read;
        bool whole = n <= CHUNK_TOKENS;
        *out = (struct dialogue_piece){d->writer.tokens.at + d->read, whole ? n : CHUNK_TOKENS, d->position + d->read,
                                       whole};
    }
    assert(out->n > 0);
    if (out->position + out->n <= d->m->context)
        return true;
    dialogue_fail(d, ANSWER_TOO_LONG, "the dialogue does not fit the model's context");
    return false;
}

void dialogue_take(struct dialogue *d, const float *logits)
{
    if (d->phase == DIALOGUE_READING) {
        if (++d->chunk == d->ends.n)
            begin_answer(d, logits);
        return;
    }
    d->read += d->writer.tokens.n - d->read <= CHUNK_TOKENS ? d->writer.tokens.n - d->read : CHUNK_TOKENS;
    if (d->read == d->writer.tokens.n)
        step_answer(d, logits);
}
