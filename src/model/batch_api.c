#include "model/batch_api.h"

#include "base/clock.h"
#include "model/http.h"

#include <stdio.h>
#include <string.h>

enum { MILLION = 1000 * 1000 };

void batch_copy_id(struct str id, char *out, size_t size)
{
    out[0] = '\0';
    if (id.n == 0 || id.n >= size)
        return;
    for (size_t i = 0; i < id.n; i++) {
        char c = id.at[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (!plain)
            return;
    }
    memcpy(out, id.at, id.n);
    out[id.n] = '\0';
}

static void set_path(char out[BATCH_PATH], const char *before, struct str id, const char *behind)
{
    char plain[BATCH_ID];
    batch_copy_id(id, plain, sizeof plain);
    out[0] = '\0';
    if (*plain)
        snprintf(out, BATCH_PATH, "%s%s%s", before, plain, behind);
}

/* ---- Anthropic's Message Batches ---- */

static void anthropic_begin(struct buf *b, const char *token)
{
    (void)token;
    buf_addz(b, "{\"requests\":[");
}

static void anthropic_add(struct buf *b, const char *item, struct str request, bool first)
{
    buf_printf(b, "%s{\"custom_id\":\"%s\",\"params\":", first ? "" : ",", item);
    buf_add(b, request);
    buf_addz(b, "}");
}

static void anthropic_end(struct buf *b)
{
    buf_addz(b, "]}");
}

static bool anthropic_state(yyjson_val *root, struct batch_state *s)
{
    static const char *const kinds[] = {"processing", "succeeded", "errored", "canceled", "expired"};
    struct str status = json_get_str(root, "processing_status");
    yyjson_val *counts = yyjson_obj_get(root, "request_counts");
    *s = (struct batch_state){.phase = str_eqz(status, "ended") ? BATCH_ENDED : BATCH_RUNNING};
    batch_copy_id(json_get_str(root, "id"), s->id, sizeof s->id);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        uint64_t n = yyjson_get_uint(yyjson_obj_get(counts, kinds[i]));
        s->total += n;
        s->done += i ? n : 0;
    }
    clock_parse(json_get_str(root, "created_at"), &s->created);
    set_path(s->results[0], "messages/batches/", str_of(s->id), "/results");
    set_path(s->left[0], "messages/batches/", str_of(s->id), "");
    return *s->id && status.n;
}

static const struct {
    const char *type;
    long status;
} anthropic_errors[] = {
    {"invalid_request_error", 400}, {"authentication_error", 401}, {"billing_error", 402},
    {"permission_error", 403},      {"not_found_error", 404},      {"request_too_large", 413},
    {"rate_limit_error", 429},      {"overloaded_error", 529},     {"timeout_error", 504},
};

static bool anthropic_result(yyjson_val *line, struct batch_result *r)
{
    yyjson_val *result = yyjson_obj_get(line, "result");
    struct str type = json_get_str(result, "type");
    *r = (struct batch_result){.item = json_get_str(line, "custom_id"), .outcome = BATCH_ANSWER, .status = 200};
    if (str_eqz(type, "succeeded")) {
        r->body = yyjson_obj_get(result, "message");
    } else if (str_eqz(type, "errored")) {
        yyjson_val *error = yyjson_obj_get(result, "error"); /* {"type": "error", "error": {...}} */
        struct str kind = json_get_str(yyjson_obj_get(error, "error"), "type");
        r->outcome = BATCH_ERROR;
        r->body = error;
        r->status = 500;
        for (size_t i = 0; i < sizeof anthropic_errors / sizeof *anthropic_errors; i++)
            if (str_eqz(kind, anthropic_errors[i].type))
                r->status = anthropic_errors[i].status;
    } else {
        r->outcome = str_eqz(type, "expired") ? BATCH_ITEM_EXPIRED : BATCH_ITEM_CANCELLED;
    }
    return r->item.n && type.n;
}

const struct batch_api batch_anthropic = {
    .path = "messages/batches",
    .after = "after_id",
    .requests_max = 100000,
    .bytes_max = 256 * (size_t)MILLION,
    .begin = anthropic_begin,
    .add = anthropic_add,
    .end = anthropic_end,
    .read_state = anthropic_state,
    .read_result = anthropic_result,
};

/* ---- OpenAI's files and batches ---- */

/* The file's name holds our token, so that one whose id was lost can be found, and deleted. */
static void file_name(const char *token, char out[BATCH_ID])
{
    snprintf(out, BATCH_ID, "clio-%s.jsonl", token);
}

static void openai_begin(struct buf *b, const char *token)
{
    char name[BATCH_ID];
    file_name(token, name);
    buf_printf(b,
               "--" HTTP_BOUNDARY "\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n"
               "--" HTTP_BOUNDARY "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"%s\"\r\n"
               "Content-Type: application/jsonl\r\n\r\n",
               name);
}

static void openai_add(struct buf *b, const char *item, struct str request, bool first)
{
    (void)first;
    buf_printf(b, "{\"custom_id\":\"%s\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":", item);
    buf_add(b, request);
    buf_addz(b, "}\n");
}

static void openai_end(struct buf *b)
{
    buf_addz(b, "\r\n--" HTTP_BOUNDARY "--\r\n");
}

static void openai_order(struct buf *b, const char *token, const char *file)
{
    buf_printf(b,
               "{\"input_file_id\":\"%s\",\"endpoint\":\"/v1/chat/completions\",\"completion_window\":\"24h\","
               "\"metadata\":{\"clio\":\"%s\"}}",
               file, token);
}

static const struct {
    const char *status;
    enum batch_phase phase;
} openai_phases[] = {
    {"completed", BATCH_ENDED}, {"expired", BATCH_ENDED}, {"failed", BATCH_REFUSED}, {"cancelled", BATCH_CANCELLED}};

static bool openai_state(yyjson_val *root, struct batch_state *s)
{
    struct str status = json_get_str(root, "status");
    yyjson_val *counts = yyjson_obj_get(root, "request_counts"),
               *errors = yyjson_obj_get(yyjson_obj_get(root, "errors"), "data");
    *s = (struct batch_state){.phase = BATCH_RUNNING, .expired = str_eqz(status, "expired")};
    for (size_t i = 0; i < sizeof openai_phases / sizeof *openai_phases; i++)
        if (str_eqz(status, openai_phases[i].status))
            s->phase = openai_phases[i].phase;
    batch_copy_id(json_get_str(root, "id"), s->id, sizeof s->id);
    batch_copy_id(json_get_str(yyjson_obj_get(root, "metadata"), "clio"), s->token, sizeof s->token);
    batch_copy_id(json_get_str(yyjson_arr_get_first(errors), "code"), s->code, sizeof s->code);
    s->created = yyjson_get_sint(yyjson_obj_get(root, "created_at"));
    s->total = yyjson_get_uint(yyjson_obj_get(counts, "total"));
    s->done = yyjson_get_uint(yyjson_obj_get(counts, "completed")) + yyjson_get_uint(yyjson_obj_get(counts, "failed"));
    struct str input = json_get_str(root, "input_file_id"), output = json_get_str(root, "output_file_id"),
               error = json_get_str(root, "error_file_id");
    set_path(s->results[0], "files/", output, "/content");
    set_path(s->results[1], "files/", error, "/content");
    set_path(s->left[0], "files/", input, "");
    set_path(s->left[1], "files/", output, "");
    set_path(s->left[2], "files/", error, "");
    return *s->id && status.n;
}

static bool openai_result(yyjson_val *line, struct batch_result *r)
{
    yyjson_val *response = yyjson_obj_get(line, "response");
    struct str code = json_get_str(yyjson_obj_get(line, "error"), "code");
    *r = (struct batch_result){.item = json_get_str(line, "custom_id"),
                               .outcome = BATCH_ANSWER,
                               .body = yyjson_obj_get(response, "body"),
                               .status = (long)yyjson_get_sint(yyjson_obj_get(response, "status_code"))};
    if (str_eqz(code, "batch_expired")) {
        r->outcome = BATCH_ITEM_EXPIRED;
    } else if (str_eqz(code, "batch_cancelled")) {
        r->outcome = BATCH_ITEM_CANCELLED;
    } else if (r->status < 200 || r->status >= 300) {
        r->outcome = BATCH_ERROR;
        r->status = r->status ? r->status : 500;
        r->body = r->body ? r->body : line; /* {"error": {...}} either way */
    }
    return r->item.n > 0;
}

static bool openai_upload(yyjson_val *file, const char *token, char path[BATCH_PATH], int64_t *created)
{
    char name[BATCH_ID];
    file_name(token, name);
    *created = yyjson_get_sint(yyjson_obj_get(file, "created_at"));
    set_path(path, "files/", json_get_str(file, "id"), "");
    return *path && str_eqz(json_get_str(file, "filename"), name);
}

const struct batch_api batch_openai = {
    .path = "batches",
    .upload = "files",
    .after = "after",
    .requests_max = 50000,
    .bytes_max = 200 * (size_t)MILLION,
    .begin = openai_begin,
    .add = openai_add,
    .end = openai_end,
    .order = openai_order,
    .read_state = openai_state,
    .read_result = openai_result,
    .read_upload = openai_upload,
};
