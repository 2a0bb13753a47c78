# What can be missing, unreadable or full: one clear sentence with what to do, the right exit status, and nothing lost.
set -eu
. tests/cli/assert.inc
input=$scratch/small.jsonl
awk -v n=60 -f tests/tools/generate.awk >"$input"
scripted="--config examples/scripted.json --public --account-per-conversation --progress none"

# one_sentence: what went wrong in one line, what to do in another, nothing else.
one_sentence() {
    [ "$(grep -c '^clio: ' "$err")" = 1 ] || fail "not one sentence"
    [ "$(grep -c '^hint: ' "$err")" = 1 ] || fail "not one hint"
    silent
}

# Models that are not there. What was done before is kept, and the run goes on once they are.
run=$scratch/model
expect 1 run $input --run "$run" $scripted --quiet --model "local:$scratch/none.gguf"
tells "$scratch/none.gguf"
one_sentence
CLIO_CACHE=$scratch/nothing expect 1 run --run "$run" --quiet --model local:qwen2.5-coder-0.5b
tells 'tools/deps'
one_sentence
expect 3 run --run "$run" --quiet --model nonsense:x
one_sentence
expect 1 run --run "$run" --quiet --model "script:$scratch/none.json"
[ "$(grep -c '^clio: ' "$err")" = 1 ] || fail "not one sentence"
expect 1 run --run "$run" --quiet --model script: --embed "encoder:$scratch/none"
tells 'tools/deps'
one_sentence
expect 0 run --run "$run" --quiet --model script: --embed hash:768
expect 0 status "$run" --json
says '"imported":60'
says '"complete":true'

# A file of a model that is no model.
head -c 5000 /dev/zero >"$scratch/zero.gguf"
expect 1 run $input --run "$scratch/zero" $scripted --quiet --model "local:$scratch/zero.gguf"
one_sentence

# Files that cannot be read. Root reads everything, so a folder has to do for a file without permission.
expect 7 run "$scratch/none.jsonl" --run "$scratch/unread" $scripted --quiet
one_sentence
expect 7 run "$scratch" --run "$scratch/unread" $scripted --quiet
if [ "$(id -u)" != 0 ]; then
    cp $input "$scratch/locked.jsonl"
    chmod 000 "$scratch/locked.jsonl"
    expect 7 run "$scratch/locked.jsonl" --run "$scratch/unread" $scripted --quiet
    one_sentence
fi

# Unknown keys and options.
printf '{"trascript_tokens": 300}\n' >"$scratch/bad.json"
expect 3 run $input --run "$scratch/unknown" --config "$scratch/bad.json" --quiet
tells 'transcript_tokens'
expect 2 run $input --run "$scratch/unknown" --treads 2
tells 'did you mean --threads?'
one_sentence
[ ! -e "$scratch/unknown" ] || fail "a refused command left a run behind"

# Two at once: the second says no, the first is not disturbed.
if command -v flock >/dev/null; then
    flock "$run/private/lock" "$clio" run --run "$run" --quiet >"$out" 2>"$err" && fail "two processes on one run"
    tells 'clio: '
fi

# A full disk, by a limit on how large a file may become: the run stops with a sentence, and goes on when there is room.
awk -v n=300 -f tests/tools/generate.awk >"$scratch/made.jsonl"
big="$scratch/made.jsonl --config examples/scripted.json --progress none"
expect 0 run $big --run "$scratch/whole" --quiet
stopped=0
for blocks in 40 150 400 700; do
    run=$scratch/full$blocks status=0
    (
        trap '' XFSZ
        ulimit -f $blocks
        exec "$clio" run $big --run "$run" --quiet
    ) >"$out" 2>"$err" </dev/null || status=$?
    if [ $status != 0 ]; then
        stopped=$((stopped + 1))
        [ $status = 1 ] || fail "a full disk gave status $status"
        [ "$(grep -c '^clio: ' "$err")" = 1 ] || fail "not one sentence about the full disk"
        if [ -e "$run/published/clio.db" ]; then fail "something half was published"; fi
    fi
    expect 0 run $big --run "$run" --quiet
    diff -r "$scratch/whole/published" "$run/published" >"$out" || fail "another tree after a full disk"
    [ -z "$(find "$run" -name '*.tmp*' -o -name '*.new')" ] || fail "something was left behind"
done
[ $stopped -ge 2 ] || fail "the disk was never full"
