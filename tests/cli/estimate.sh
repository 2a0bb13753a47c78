# What a run would take, limits on it, and the report that sets one against the other.
set -eu
. tests/cli/assert.inc
config="--config examples/scripted.json"
TMPDIR=$scratch/tmp # of this test alone, to see what is left there
mkdir "$TMPDIR"
export TMPDIR
small="$config --public --account-per-conversation"

# number PATH: a number out of the JSON on standard output, by jq's path.
if command -v python3 >/dev/null; then
    number() {
        python3 -c 'import json,sys
v = json.load(open(sys.argv[1]))
for key in sys.argv[2].split("."): v = v[int(key)] if key.isdigit() else v[key]
print("null" if v is None else v)' "$out" "$1"
    }
else
    number() { echo skipped; }
fi

# Nothing is written, nothing is opened: not even the rules of the scripted model have to be there.
expect 0 estimate examples/tiny.jsonl $small
says '30 conversations, estimated from 30 of them'
says 'facets'
says 'worst'
says 'USD'
expect 0 estimate examples/tiny.jsonl --config examples/scripted.json --model openai:nobody@https://nowhere.invalid/v1
says 'unknown'
"$clio" estimate - $small <examples/tiny.jsonl >"$out" 2>"$err" || fail "standard input cannot be estimated"
says '30 conversations'
for folder in "$TMPDIR"/clio-scratch-*; do
    [ ! -e "$folder" ] || fail "an estimate left $folder behind"
done
expect 2 estimate
expect 7 estimate "$scratch/missing.jsonl" $small
expect 3 estimate examples/tiny.jsonl $small --prices "$scratch/missing.json"
tells 'hint: clio estimate --list-prices'

# The program's prices, edited; an unknown one stays unknown in JSON, and is never 0.
expect 0 estimate --list-prices
cp "$out" "$scratch/own.json"
expect 0 estimate examples/tiny.jsonl $small --prices "$scratch/own.json" --json
[ "$(number estimate.total.cost.1)" = 0 ] || [ "$(number x)" = skipped ] || fail "a scripted model costs something"
sed 's/"model": "script:\*", "input": 0, "output": 0/"model": "script:*", "input": 1000, "output": 2000/' \
    "$scratch/own.json" >"$scratch/dear.json"
expect 0 estimate examples/tiny.jsonl $small --prices "$scratch/dear.json" --until facets --json
[ "$(number plan.facets)" = run ] || [ "$(number x)" = skipped ] || fail "the plan is not in the JSON"
grep -v 'script:' "$scratch/own.json" >"$scratch/none.json"
expect 0 estimate examples/tiny.jsonl $small --prices "$scratch/none.json" --json
[ "$(number estimate.total.cost.1)" = null ] || [ "$(number x)" = skipped ] || fail "an unknown price counts as something"

# Through a batch API: half of it, as long as that is known.
half() {
    "$clio" estimate examples/tiny.jsonl $small --model "openai:$1@https://nowhere.invalid/v1${2:-}" --json >"$out" 2>"$err" ||
        fail "clio estimate for $1"
    number estimate.stages.facets.cost.1
}
if [ "$(half gpt-4o-mini)" != skipped ]; then
    awk -v a="$(half gpt-4o-mini)" -v b="$(half gpt-4o-mini '?batch=1')" 'BEGIN { exit !(a > 0 && b / a > 0.499 && b / a < 0.501) }' ||
        fail "a batch does not cost half"
    [ "$(half nobody '?batch=1')" = null ] || fail "the unknown price of a batch counts as something"
fi

# A dry run says the same; what is done takes nothing more.
expect 0 run examples/tiny.jsonl --dry-run --run "$scratch/new" $small
says 'facets     Ask what each conversation is about (asks a model): to do'
says 'expected'
[ ! -e "$scratch/new" ] || fail "a dry run made a run"

# A limit on tokens stops with its own status, keeps what is done, and going on ends in the same bytes.
expect 0 run examples/tiny.jsonl --run "$scratch/whole" $small --progress none --json
cp "$out" "$scratch/whole.json"
expect 5 run examples/tiny.jsonl --run "$scratch/part" $small --progress none --max-tokens 9000 --json
tells 'the limit of 9000 tokens is reached in stage facets'
tells 'hint: '
says '"complete":false'
grep -q '"kind":"run_stopped"' "$scratch/part/events.jsonl" || fail "a limit is not a stop"
expect 5 run --run "$scratch/part" --progress none --max-tokens 9000
expect 0 run --run "$scratch/part" --dry-run
says 'to do, begun'
expect 0 run --run "$scratch/part" --progress none --max-tokens 900000
cmp "$scratch/whole/published/clio.db" "$scratch/part/published/clio.db" || fail "a limit changed the result"

# So does one on money, which needs prices.
expect 3 run examples/tiny.jsonl --run "$scratch/money" $small --progress none --max-cost 5 --prices "$scratch/none.json"
tells 'is not known'
expect 5 run examples/tiny.jsonl --run "$scratch/money" $small --progress none --max-cost 12.5 --prices "$scratch/dear.json"
tells 'the limit of 12.5 USD is reached'
expect 0 status "$scratch/money"
says 'USD'
expect 2 run --run "$scratch/money" --max-cost nothing
expect 2 run --run "$scratch/money" --max-cost -3
expect 0 run --run "$scratch/money" --progress none --max-cost 500
tells 'against the estimate'
cmp "$scratch/whole/published/clio.db" "$scratch/money/published/clio.db" || fail "a limit on money changed the result"

# As many questions as were expected where that can be known, and about as many tokens read.
cp "$scratch/whole.json" "$out"
if [ "$(number imported)" != skipped ]; then
    python3 - "$out" <<'PY' || fail "the estimate is far from what the run took"
import json, sys
r = json.load(open(sys.argv[1]))
by = {s["stage"]: s for s in r["stages"]}
expected = r["estimate"]["stages"]
assert expected["facets"]["calls"][1] == by["facets"]["calls"], (expected["facets"]["calls"], by["facets"]["calls"])
for stage in ("facets", "label", "audit"):
    low, mid, worst = expected[stage]["tokens_in"]
    assert low <= by[stage]["tokens_in"] <= worst, (stage, expected[stage]["tokens_in"], by[stage]["tokens_in"])
    assert by[stage]["tokens_out"] <= expected[stage]["tokens_out"][2], stage
assert abs(expected["facets"]["tokens_in"][1] / by["facets"]["tokens_in"] - 1) < 0.15
assert r["estimate"]["total"]["cost"][1] == 0
PY
fi

# What went wrong on the way is said.
cat >"$scratch/faulty.json" <<'JSON'
{"faults": {"garbage": 4, "cut": 9, "refuse": 11}}
JSON
sed 's/script:[^"]*"/script:faulty.json"/g' examples/scripted.json >"$scratch/faulty.config.json"
status=0
"$clio" run examples/tiny.jsonl --run "$scratch/faulty" --config "$scratch/faulty.config.json" --public \
    --account-per-conversation --progress none --json >"$out" 2>"$err" || status=$?
[ "$status" = 0 ] || [ "$status" = 4 ] || fail "faults gave status $status"
tells 'questions asked again'
tells 'answers cut at a length limit'
tells 'questions the model declined'
