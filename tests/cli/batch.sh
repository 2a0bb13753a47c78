# Batch APIs of both providers, the whole program against the mock server: kill -9 while batches are on their way, go on,
# and come to the same bytes without anything having been submitted twice.
set -eu
. tests/cli/assert.inc
. tests/cli/mock.inc
input=$scratch/made.jsonl
awk -v n=80 -f tests/tools/generate.awk >"$input"

# batch_run RUN: in the background, its number in $pid. Names and audit are scripted.
batch_run() {
    cat >"$scratch/config.json" <<JSON
{"models": {"fast": "$provider@http://127.0.0.1:$port/v1?batch=1&batch_requests=30&backoff=5", "strong": "script:",
            "embed": "hash:64"}, "public_data": true, "account_per_conversation": true, "prices": "$scratch/prices.json"}
JSON
    "$clio" run "$input" --run "$1" --config "$scratch/config.json" --progress none --json >"$out" 2>"$err" &
    pid=$!
}

count_kill() {
    status=0
    wait $pid 2>/dev/null || status=$?
    [ $status != 137 ] || kills=$((kills + 1))
}

# The run comes to the same end, and nothing was submitted twice or stays at the server.
went_on() {
    batch_run "$run"
    wait $pid || fail "going on ended with status $?"
    [ "$(mock_count batch_again)" = 0 ] || fail "$(mock_count batch_again) questions were submitted twice"
    [ "$(mock_count batches_left)" = 0 ] || fail "$(mock_count batches_left) batches or files were left at the server"
    mock_stop
    tr '{' '\n' <"$out" | grep -q '^"stage":"facets","done":true,"total":80,"ok":80,"quarantined":0' || fail "not all conversations have facets"
    cmp "$whole/published/clio.db" "$run/published/clio.db" || fail "kills changed the result"
}

cat >"$scratch/prices.json" <<'JSON'
{"date": "2026-01-01", "currency": "USD", "models": [
  {"model": "anthropic:tiny*", "input": 1, "output": 5, "batch_factor": 0.5},
  {"model": "openai:tiny*", "input": 1, "output": 5, "batch_factor": 0.5},
  {"model": "*", "input": 0, "output": 0}]}
JSON

for provider in anthropic:tiny openai:tiny; do
    name=${provider%:*}
    mock_start --batch-ms 700
    whole=$scratch/$name.whole
    batch_run "$whole"
    wait $pid || fail "the undisturbed run ended with status $?"
    paid=$(tr '{' '\n' <"$out" | sed -n '/^"stage":"facets"/ {
        s/.*"tokens_in":\([0-9]*\).*"tokens_out":\([0-9]*\).*"cost":\([0-9.]*\).*/\1 \2 \3/p
        }')
    echo "$paid" | awk '{ exit !($1 > 0 && $3 > 0 && ($3 / (($1 + 5 * $2) / 1e6) - 0.5) ^ 2 < 1e-4) }' ||
        fail "a batch does not cost half: $paid"
    [ "$(mock_count batches)" -ge 3 ] || fail "$(mock_count batches) batches instead of at least 3"
    [ "$(mock_count batches_left)" = 0 ] || fail "batches were left at the server"
    grep -q '"kind":"progress".*"stage":"facets".*"batches":[1-9].*"batched":[1-9].*"batched_done":[0-9].*"next_look_s":[0-9]' \
        "$whole/events.jsonl" || fail "no event told of batches that are awaited"
    mock_stop

    # Killed when the first batch has arrived, when the next one has, and when those with the second question do.
    mock_start --batch-ms 1500
    run=$scratch/$name.killed
    kills=0 waited_for=no
    for moment in 1 2 4; do
        batch_run "$run"
        while kill -0 $pid 2>/dev/null && [ "$(mock_count batches)" -lt $moment ]; do sleep 0.02; done
        kill -9 $pid 2>/dev/null || :
        count_kill
        "$clio" status "$run" >"$out" 2>&1 || :
        if grep -q '^on their way: [1-9][0-9]* batch' "$out" && grep -q '^  [a-z]*batch_[0-9]*  facets  [0-9]* questions  sent .* ago$' "$out"; then waited_for=yes; fi
    done
    [ $kills = 3 ] || fail "$kills of 3 kills hit"
    [ $waited_for = yes ] || fail "status never told of batches on their way"
    went_on

    # Killed as a request arrives, from the first upload on: what is done for it is done for nobody, and has to be found.
    mock_start --batch-ms 100
    run=$scratch/$name.early
    kills=0
    for moment in 2 3 4 2 6 7 8 9 10 11 12 5; do
        batch_run "$run"
        "$CLIO_MOCK" kill "$port" $pid $moment
        count_kill
    done
    [ $kills -ge 6 ] || fail "only $kills of 12 kills hit"
    went_on
done
