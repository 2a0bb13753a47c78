/* Which chat format a model's own template asks for. The templates here are the telling parts of the real ones. */
#include "model/chat_format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void families_are_told_by_their_markers(void **state)
{
    static const struct {
        const char *family, *template;
    } cases[] = {
        {"ChatML", "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}"},
        {"Llama 3",
         "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + content + '<|eot_id|>' }}"},
        {"Gemma", "{{ bos_token }}{{ '<start_of_turn>' + role + '\\n' + content | trim + '<end_of_turn>\\n' }}"},
        {"Mistral", "{{ bos_token }}{{ '[INST] ' + message['content'] + ' [/INST]' }}"},
        {"Mistral", "{{ '[SYSTEM_PROMPT]' + system + '[/SYSTEM_PROMPT]' }}{{ '[INST]' + content + '[/INST]' }}"},
        {"Phi-3", "{{'<|user|>\\n' + content + '<|end|>\\n' + '<|assistant|>\\n'}}"},
        {"Phi-4", "{{ '<|im_start|>user<|im_sep|>' + content + '<|im_end|><|im_start|>assistant<|im_sep|>' }}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct chat_format *f = chat_format_of(cases[i].template);
        assert_non_null(f);
        assert_string_equal(f->family, cases[i].family);
        assert_true(f->user_open && f->user_close && f->answer_close && f->system_close);
    }
    assert_non_null(chat_format_of(cases[4].template)->system_open);
    assert_null(chat_format_of(cases[3].template)->system_open);
}

static void unknown_ones_are_refused(void **state)
{
    (void)state;
    assert_null(chat_format_of(""));
    assert_null(chat_format_of("{{ '### Instruction:\\n' + message['content'] + '\\n### Response:\\n' }}"));
    assert_null(
        chat_format_of("{{ '<|assistant|>' + content + '</s>' }}")); /* one of Phi's two markers is not enough */
    struct buf names = {0};
    chat_format_names(&names);
    assert_string_equal(names.at, "Phi-4, ChatML, Llama 3, Gemma, Mistral, Phi-3");
    buf_release(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_are_told_by_their_markers),
        cmocka_unit_test(unknown_ones_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
