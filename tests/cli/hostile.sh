# Hostile input: good lines all in, bad ones set aside with line and reason, never a crash, and no text anywhere outside private/.
set -eu
. tests/cli/assert.inc
secret=QUERCITRON # stands in every line, good or bad
line=0
: >"$scratch/expected"

# good ID: a conversation nothing is wrong with.
good() {
    line=$((line + 1))
    printf '{"id": "%s", "account": "a%d", "created_at": "2026-03-0%dT10:00:00Z", "messages": [' "$1" $line $((line % 9 + 1))
    printf '{"role": "user", "content": "How do I dye wool with %s number %d?"}, ' $secret $line
    printf '{"role": "assistant", "content": "Simmer it."}]}\n'
}

# wrong REASON: the line that follows has to be set aside for this reason.
wrong() {
    line=$((line + 1))
    echo "$line $1" >>"$scratch/expected"
}

# bad REASON FORMAT: such a line, written by printf.
bad() {
    wrong "$1"
    printf "$2\n" $secret
}

# repeat TEXT: a hundred thousand times.
repeat() {
    awk -v text="$1" 'BEGIN { for (i = 0; i < 100000; i++) printf "%s", text }'
}

say='{"role": "user", "content": "%s"}'
{
    printf '\357\273\277' # a byte order mark
    good first
    bad 'not valid UTF-8' '{"id": "x1", "messages": [{"role": "user", "content": "\303\050 %s"}]}'
    bad 'not valid UTF-8' '{"id": "x2", "messages": [{"role": "user", "content": "\355\240\200 %s"}]}'
    good second
    bad 'control character' '{"id": "x3", "messages": [{"role": "user", "content": "a\000b %s"}]}'
    bad 'lone surrogate' '{"id": "x4", "messages": [{"role": "user", "content": "\\ud83d %s"}]}'
    wrong 'nested too deeply'
    printf '{"id": "%s", "metadata": ' $secret
    repeat '['
    repeat ']'
    printf ', "messages": []}\n'
    wrong 'nested too deeply'
    printf '{"id": "%s", "metadata": ' $secret
    repeat '{"a":'
    printf '\n'
    good third
    bad 'a field has the wrong type' '{"id": "x5", "messages": "%s"}'
    bad 'a field has the wrong type' '{"id": "x6", "messages": ["%s"]}'
    bad 'a field has the wrong type' '{"id": ["x7"], "messages": ['"$say"']}'
    bad 'a field has the wrong type' '{"id": "x8", "messages": [{"role": 7, "content": "%s"}]}'
    bad 'unknown role' '{"id": "x9", "messages": [{"role": "%s", "content": "hello"}]}'
    bad 'not a JSON object' '["%s"]'
    bad 'not a JSON object' '"%s"'
    bad 'no messages' '{"id": "x10", "title": "%s"}'
    bad 'no messages' '{"id": "x11", "messages": [], "title": "%s"}'
    bad 'no messages' '{"id": "x12", "messages": null, "title": "%s"}'
    bad 'duplicate key' '{"id": "x13", "id": "x14", "messages": ['"$say"']}'
    bad 'duplicate key' '{"id": "x15", "messages": [{"role": "user", "role": "user", "content": "%s"}]}'
    bad 'time unreadable' '{"id": "x16", "created_at": "2026-13-45T99:00:00Z", "messages": ['"$say"']}'
    bad 'time unreadable' '{"id": "x17", "created_at": "%s", "messages": [{"role": "user", "content": "hello"}]}'
    bad 'time unreadable' '{"id": "x18", "created_at": 1e300, "messages": ['"$say"']}'
    good fourth
    wrong 'duplicate id'
    line=$((line - 1))
    good first
    good fifth >"$scratch/line"
    sed "s/\$/$(printf '\r')/" "$scratch/line" # another system's end of a line
    line=$((line + 1))
    printf '\n'
    bad 'not valid JSON' '%s is no JSON'
    good sixth
    wrong 'cut off'
    printf '{"id": "cut", "messages": [{"role": "user", "content": "%s and th' $secret
} >"$scratch/hostile.jsonl"
bad_lines=$(grep -c . "$scratch/expected")
run=$scratch/run

# kept_quiet: the text stands in run.db and nowhere else.
kept_quiet() {
    grep -qa $secret "$run/private/run.db" || fail "the good lines are not in the run"
    for file in "$out" "$err" "$run/events.jsonl" "$run/manifest.json"; do
        if grep -qai $secret "$file"; then fail "text of a conversation got out: $file"; fi
    done
}

expect 0 import "$scratch/hostile.jsonl" --run "$run" --json --progress line
says "\"imported\":6,\"quarantined\":$bad_lines,\"reasons\":{"
kept_quiet
expect 0 quarantine --run "$run" --json
kept_quiet
sed 's/.*"line":\([0-9]*\),.*"stage":"import","reason":"\([^"]*\)".*/\1 \2/' "$out" >"$scratch/found"
awk 'NR == FNR { sub(/ /, "\t"); split($0, p, "\t"); reason[p[1]] = p[2]; next }
     { l = $1; sub(/^[0-9]* /, ""); if (index($0, reason[l]) != 1) { print "line " l ": " $0 ", not " reason[l]; bad = 1 }
       delete reason[l] }
     END { for (l in reason) { print "line " l " is missing: " reason[l]; bad = 1 } exit bad }' \
    "$scratch/expected" "$scratch/found" >"$scratch/wrong" || fail "$(cat "$scratch/wrong")"

# The good lines go all the way, and what is set aside is not a failure of the run.
expect 0 run --run "$run" --config examples/scripted.json --public --progress line
kept_quiet
expect 0 status "$run" --json
says '"imported":6,"kept":6'
says '"complete":true'

# A ShareGPT array cut off in the middle, as the well-known file is: what is whole is in.
{
    printf '[{"id": "a_0", "conversations": [{"from": "human", "value": "%s one"}, {"from": "gpt", "value": "Yes."}]},\n' $secret
    printf '{"id": "b_0", "conversations": [{"from": "human", "value": "%s two"}, {"from": "gpt", "value": "Yes."}]},\n' $secret
    printf '{"id": "c_0", "conversations": [{"from": "human", "value": "%s th' $secret
} >"$scratch/cut.json"
run=$scratch/cut
expect 0 import "$scratch/cut.json" --run "$run" --json --progress none
says '"imported":2,"quarantined":1,"reasons":{"cut off'
kept_quiet

# Nothing but rubbish: a sentence, and the status of unusable input.
head -c 20000 "$clio" >"$scratch/rubbish"
expect 7 import "$scratch/rubbish" --run "$scratch/rubbish-run" --json --progress none
tells 'clio: no conversation was imported'
: >"$scratch/empty"
expect 7 import "$scratch/empty" --run "$scratch/empty-run" --json --progress none
