# clio import: good lines all in, bad ones set aside with line and reason, and no text of theirs anywhere outside private/.
set -eu
. tests/cli/assert.inc
run=$scratch/run
{
    sed -n 1,2p examples/tiny.jsonl
    printf '{"id": "broken", "messages": [SECRETWORD\n'
    printf '[1, 2]\n'
    printf '\n'
    printf '{"id": "empty", "messages": []}\n'
    printf '{"id": "nul", "messages": [{"role": "user", "content": "a\\u0000b"}, {"role": "assistant", "content": "ok"}]}\n'
    sed -n 1p examples/tiny.jsonl
    sed -n 3,4p examples/tiny.jsonl
    printf '{"id": "cut", "messages": [{"role": "user", "cont'
} >"$scratch/mixed.jsonl"

expect 0 import "$scratch/mixed.jsonl" --run "$run" --json --progress none
says '"imported":'
says '"quarantined":'
says '"reasons":{"'
if grep -q SECRETWORD "$out" "$err" "$run/events.jsonl" "$run/manifest.json"; then fail "text of a conversation got out"; fi
imported=$(sed 's/.*"imported":\([0-9]*\).*/\1/' "$out")
quarantined=$(sed 's/.*"quarantined":\([0-9]*\).*/\1/' "$out")
[ "$imported" -ge 4 ] || fail "good lines are missing"
[ "$quarantined" -ge 4 ] || fail "bad lines went in"

expect 0 quarantine --run "$run" --json
[ "$(grep -c . "$out")" -eq "$quarantined" ] || fail "the list and the count differ"
says '{"line":3,'
says '"stage":"import"'
if grep -q SECRETWORD "$out"; then fail "quarantine quotes a conversation"; fi
expect 0 quarantine "$run"
awk -F '\t' 'NF != 4 { exit 1 }' "$out" || fail "not four columns"
expect 0 quarantine "$run" --stage facets
silent

# From standard input, and a file without one good line.
"$clio" import - --run "$scratch/pipe" --json --quiet <examples/tiny.jsonl >"$out" 2>"$err" || fail "standard input"
says '"imported":30,"quarantined":0,"reasons":{}'
printf 'nothing\nhere\n' >"$scratch/bad.jsonl"
expect 7 import "$scratch/bad.jsonl" --run "$scratch/none" --json
expect 7 import "$scratch" --run "$scratch/folder"
