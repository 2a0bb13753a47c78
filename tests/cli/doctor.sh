# What clio doctor finds of a server: the key, whether it answers, whether it has the model, each with a fix; and of files:
# whether disk and memory do. The mock server stands in for both providers.
set -eu
. tests/cli/assert.inc
. tests/cli/mock.inc
mock_start --key right
at=http://127.0.0.1:$port/v1
unset CLIO_OPENAI_KEY OPENAI_API_KEY CLIO_ANTHROPIC_KEY ANTHROPIC_API_KEY || :

for kind in anthropic openai; do
    case $kind in
    anthropic) variable=CLIO_ANTHROPIC_KEY ;;
    *) variable=CLIO_OPENAI_KEY ;;
    esac
    export $variable=right
    expect 0 doctor --model "$kind:tiny@$at" --embed hash:64
    says "a key is there, from $variable"
    says 'the server answers in'
    says 'the server has the model'
    expect 0 doctor --model "$kind:hidden@$at" --embed hash:64
    expect 1 doctor --model "$kind:tyny-embed@$at" --embed hash:64
    says 'the server does not know the model'
    says 'fix: did you mean tiny-embed?'
    export $variable=wrong
    expect 1 doctor --model "$kind:tiny@$at" --embed hash:64
    says "refused the key"
    says "fix: set $variable"
    if grep -q wrong "$out"; then fail "a key was printed"; fi
    unset $variable
done

# No key for a server elsewhere; a server that is not there.
expect 1 doctor --model openai:any@https://127.1.2.3:9/v1 --embed hash:64
says 'cannot be reached'
says 'fix: look whether it runs'
expect 1 doctor --model openai:any@https://nowhere.invalid/v1 --embed hash:64 --json
says 'no key for a server on another computer'
says '"status":"fail"'

# Files: how many conversations, and what they take.
awk -v n=50 -f tests/tools/generate.awk >"$scratch/made.jsonl"
expect 0 doctor "$scratch/made.jsonl" --model script: --embed hash:64
says '50 conversations'
says 'disk for it'
says 'memory for it'
expect 1 doctor "$scratch/none.jsonl" --model script: --embed hash:64
says 'fail  input'
