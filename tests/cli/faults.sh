# Every fault a server can play, in whole runs: each conversation is done or set aside with a reason, no partial text is
# kept, Retry-After is respected, and what no call would escape ends the run at once, to go on later.
set -eu
. tests/cli/assert.inc
. tests/cli/mock.inc
CLIO_OPENAI_KEY=key-of-the-test
export CLIO_OPENAI_KEY
key="--key $CLIO_OPENAI_KEY"

# made GOOD FAULT:TIMES...: conversations in $input: so many good ones, and one a fault that carries its word.
made() {
    input=$scratch/made.jsonl
    awk -v n="$1" -f tests/tools/generate.awk >"$input"
    shift
    for word; do
        name=$(echo "$word" | tr ':' '-')
        printf '{"id": "%s", "account": "%s", "messages": [{"role": "user", "content": "Please prune mock:%s:%s this apple tree"}, {"role": "assistant", "content": "Yes."}]}\n' \
            "$name" "$name" "$word" "$name" >>"$input"
    done
}

# runs STATUS RUN: all stages up to the vectors.
runs() {
    expect "$1" run "$input" --run "$2" --config "$scratch/config.json" --public --account-per-conversation --until facets \
        --progress none
}

# set_aside RUN RECORD REASON: the record with this number, for this reason.
set_aside() {
    expect 0 quarantine "$1" --json --stage facets
    grep -F "\"record\":$2," "$out" | grep -qF "$3" || fail "record $2 is not set aside because $3"
}

mock_start $key --drip 100
mock_config "$scratch/config.json" "&timeout=1"

# What passes is waited out: nothing is lost.
set -- 429-retry-after 429 500 502 503 529 timeout timeout-in-body reset drip error-in-band truncated content-type
passing=
for name; do passing="$passing $name:2"; done
made 30 $passing
runs 0 "$scratch/passing"
expect 0 quarantine "$scratch/passing" --json --stage facets
[ ! -s "$out" ] || fail "something was set aside though its trouble passed"
[ "$(mock_count early_ms)" = 0 ] || fail "a call was repeated before its Retry-After was over"
[ "$(mock_count again)" = 0 ] || fail "a call was paid twice"

# What stays is set aside, a few at a time: five calls in a row that nothing helps would be the server's trouble.
part=0
for four in "429 500 502 503" "529 reset error-in-band truncated" "timeout timeout-in-body drip content-type" \
    "429-retry-after 10mb"; do
    part=$((part + 1)) staying= record=20
    for name in $four; do staying="$staying $name:0"; done
    made 20 $staying
    case $four in timeout*) mock_config "$scratch/config.json" "&timeout=1" ;; *) mock_config "$scratch/config.json" ;; esac
    runs 0 "$scratch/staying-$part"
    for name in $four; do
        set_aside "$scratch/staying-$part" $record "the server"
        record=$((record + 1))
    done
    [ "$(grep -c . "$out")" = $((record - 20)) ] || fail "more was set aside than had trouble"
done
[ "$(mock_count early_ms)" = 0 ] || fail "a call was repeated before its Retry-After was over"

# What the model itself says.
made 20 other-shape:0 empty:0 refusal:0 max-tokens:0 too-long:0 foreign:0
runs 0 "$scratch/said"
set_aside "$scratch/said" 20 "the answer does not have the form asked for"
set_aside "$scratch/said" 21 "the answer is empty"
set_aside "$scratch/said" 22 "the model declined to answer"
set_aside "$scratch/said" 23 "the answer was cut by a length limit"
set_aside "$scratch/said" 24 "the request does not fit"
[ "$(grep -c . "$out")" = 5 ] || fail "another number was set aside than had trouble"

mock_stop

# What no call would escape ends the run at once, with nothing lost; it goes on when that is over.
for name in 429-spend-limit 401 404 redirect; do
    case $name in 429* | 401) ends=6 ;; *) ends=1 ;; esac
    made 40
    mock_start $key --fault $name
    mock_config "$scratch/config.json" ""
    rm -rf "$scratch/ends"
    runs $ends "$scratch/ends"
    [ "$(grep -c '^clio: ' "$err")" = 1 ] || fail "not one sentence"
    tells 'hint: '
    [ "$(mock_count requests)" -le 16 ] || fail "$(mock_count requests) calls against $name"
    mock_stop
    mock_start $key
    runs 0 "$scratch/ends"
    mock_stop
done

# The key is nowhere: not in a run, not in what was said.
if grep -rqa "$CLIO_OPENAI_KEY" "$scratch" --include='*' 2>/dev/null; then fail "the key was written down"; fi
