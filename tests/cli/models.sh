# The pinned local models: listed, looked for in a folder of one's own first, verified by their hashes.
set -eu
. tests/cli/assert.inc

CLIO_CACHE=$scratch/cache
export CLIO_CACHE
mkdir -p "$scratch/cache/models" "$scratch/own"
name=qwen2.5-coder-0.5b-instruct-q4_k_m

expect 0 models
says 'local:qwen2.5-coder-1.5b'
says 'missing'
says "$scratch/cache/models/$name.gguf"
expect 0 models list --json
says '"spec":"local:qwen2.5-coder-0.5b"'
says '"state":"missing"'
expect 0 models get qwen2.5-coder-0.5b
says 'tools/deps --for check'
expect 0 models verify
says 'missing'

printf 'GGUF, but not that one' >"$scratch/own/$name.gguf"
expect 0 models list --model-dir "$scratch/own"
says 'wrong size'
says "$scratch/own/$name.gguf"
expect 1 models verify qwen2.5-coder-0.5b --model-dir "$scratch/own"
says 'WRONG'
tells 'is not the pinned file'
tells 'hint: delete it and run tools/deps --for check again'
silent_line=$(grep -c . "$err")
[ "$silent_line" -eq 2 ] || fail "more than one sentence and its hint"
expect 0 models verify qwen2.5-coder-1.5b --model-dir "$scratch/own"

expect 2 models gett
tells 'clio models list, clio models get'
expect 2 models verify nothing
tells 'there is no pinned model'

# A run takes the folder from its option, and from the configuration, where it starts from the configuration's own place.
cat >"$scratch/clio.json" <<'END'
{"models": {"fast": "local:qwen2.5-coder-0.5b"}, "model_folder": "own",
 "facets": [{"name": "request", "kind": "text", "question": "What is wanted?", "cluster": true}]}
END
expect 1 run examples/tiny.jsonl --run "$scratch/r" --until facets --config "$scratch/clio.json"
tells "/own/$name.gguf has 22 bytes"
expect 1 run --run "$scratch/r" --until facets --model-dir "$scratch"
tells "the model $scratch/cache/models/$name.gguf is missing"
