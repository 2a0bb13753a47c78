#include "model/chat_format.h"

#include <string.h>

/* The first that fits counts: Phi-4 has ChatML's markers and one more, newer Mistrals have a system turn. */
static const struct chat_format formats[] = {
    {"Phi-4",
     {"<|im_sep|>", "<|im_start|>"},
     "<|im_start|>system<|im_sep|>",
     "<|im_end|>",
     "<|im_start|>user<|im_sep|>",
     "<|im_end|><|im_start|>assistant<|im_sep|>",
     "<|im_end|>"},
    {"ChatML",
     {"<|im_start|>", NULL},
     "<|im_start|>system\n",
     "<|im_end|>\n",
     "<|im_start|>user\n",
     "<|im_end|>\n<|im_start|>assistant\n",
     "<|im_end|>\n"},
    {"Llama 3",
     {"<|start_header_id|>", NULL},
     "<|start_header_id|>system<|end_header_id|>\n\n",
     "<|eot_id|>",
     "<|start_header_id|>user<|end_header_id|>\n\n",
     "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
     "<|eot_id|>"},
    {"Gemma",
     {"<start_of_turn>", NULL},
     NULL,
     "\n\n",
     "<start_of_turn>user\n",
     "<end_of_turn>\n<start_of_turn>model\n",
     "<end_of_turn>\n"},
    {"Mistral", {"[SYSTEM_PROMPT]", "[INST]"}, "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[INST]", "[/INST]", "</s>"},
    {"Mistral", {"[INST]", NULL}, NULL, "\n\n", "[INST] ", " [/INST]", "</s>"},
    {"Phi-3",
     {"<|assistant|>", "<|end|>"},
     "<|system|>\n",
     "<|end|>\n",
     "<|user|>\n",
     "<|end|>\n<|assistant|>\n",
     "<|end|>\n"},
};

enum { FORMATS = sizeof formats / sizeof *formats };

const struct chat_format *chat_format_of(const char *template)
{
    for (size_t i = 0; i < FORMATS; i++) {
        const char *second = formats[i].marks[1];
        if (strstr(template, formats[i].marks[0]) && (!second || strstr(template, second)))
            return &formats[i];
    }
    return NULL;
}

void chat_format_names(struct buf *out)
{
    for (size_t i = 0; i < FORMATS; i++)
        if (i == 0 || strcmp(formats[i].family, formats[i - 1].family) != 0)
            buf_printf(out, "%s%s", i ? ", " : "", formats[i].family);
}
