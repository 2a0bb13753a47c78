# All stages with real models in this process: thirty invented conversations, the 0.5B model, MiniLM. Never skipped: a library,
# model or hash that is missing is a failure, and `tools/deps --for check` is what mends it.
set -eu
. tests/cli/assert.inc
run=$scratch/run
input=examples/tiny.jsonl
total=$(grep -c . $input)
cache=${CLIO_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/clio}
: >"$out"
: >"$err"

# The models are the pinned ones.
awk '$1 !~ /^#/ && $1 ~ /c/ && /0\.5b|MiniLM|lid\.176/ { for (i = 5; i < NF; i++) if ($i ~ /^[0-9a-f]+$/ && length($i) == 64) print $i, $(i + 2) }' \
    tools/deps.lock >"$scratch/pinned"
[ "$(grep -c . "$scratch/pinned")" = 5 ] || fail "tools/deps.lock does not pin the five files of the three models"
while read -r hash file; do
    [ -f "$cache/$file" ] || fail "$cache/$file is missing: run tools/deps --for check"
    [ "$(sha256sum <"$cache/$file")" = "$hash  -" ] || fail "$cache/$file is not the pinned one: delete it and run tools/deps --for check"
done <"$scratch/pinned"

# Small samples, so that it ends soon on two processors. The 0.5B model is a poor auditor: it is asked, and its ratings are
# kept, but here, where everything is invented, all of them are good enough to be shown.
cat >"$scratch/clio.json" <<'CONFIG'
{
  "models": {
    "fast": "local:qwen2.5-coder-0.5b",
    "strong": "local:qwen2.5-coder-0.5b",
    "embed": "encoder:all-MiniLM-L6-v2",
  },
  "public_data": true,
  "audit_min": 1,
  "transcript_tokens": 200,
  "name_members": 6,
  "name_contrast": 4,
  "k": 5,
  "max_failed_share": 0.5,
}
CONFIG
status=0
"$clio" run $input --run "$run" --config "$scratch/clio.json" --json --progress line >"$out" 2>"$err" </dev/null || status=$?
cat "$err"
[ $status = 0 ] || [ $status = 4 ] || fail "status $status instead of 0 or 4"
cp "$out" "$scratch/report.json"

# number KEY: its first value in the report; stage_number STAGE KEY: in the row of that stage.
number() {
    sed 's/.*"'"$1"'":\([0-9]*\).*/\1/' "$scratch/head.json"
}
stage_number() {
    sed -n 's/.*"stage":"'"$1"'".*"'"$2"'":\([0-9]*\).*/\1/p' "$scratch/stages.json"
}
sed 's/"stages":.*//' "$scratch/report.json" >"$scratch/head.json"
sed 's/{"stage"/\n&/g' "$scratch/report.json" | grep '^{"stage"' >"$scratch/stages.json"
# equal WHAT A B
equal() {
    [ "$2" -eq "$3" ] || fail "$1: $2 is not $3"
}

# Every stage is done, and those that ask a model counted what it read and wrote.
[ "$(grep -c '"done":true' "$scratch/stages.json")" = 11 ] || fail "not all eleven stages are done"
for stage in facets label hierarchy audit; do
    for key in calls tokens_in tokens_out; do
        [ "$(stage_number $stage $key)" -gt 0 ] || fail "$stage: $key is not counted"
    done
done
grep -q '"kind":"progress","stage":"facets","done":[1-9]' "$run/events.jsonl" || fail "no progress was reported"

# Every conversation is done or quarantined, and nothing is counted twice.
equal 'imported' "$(number imported)" "$total"
equal 'import' $(($(stage_number import ok) + $(stage_number import quarantined))) "$total"
done_facets=$(stage_number facets ok) lost_facets=$(stage_number facets quarantined)
equal 'facets' $((done_facets + lost_facets)) "$(number kept)"
[ "$done_facets" -ge 20 ] || fail "the model did only $done_facets of $total conversations"
expect 0 quarantine --run "$run" --json --stage facets
equal 'quarantined by facets' "$(grep -c . "$out" || :)" "$lost_facets"

# Where each conversation went: one line each; placed are those with a summary.
expect 0 export assignments --run "$run" --private
tells 'private data'
cp "$out" "$scratch/assignments"
equal 'assignments' "$(grep -c . "$scratch/assignments")" "$total"
equal 'ids in the assignments' "$(cut -f1 "$scratch/assignments" | sort -u | grep -c .)" "$total"
placed=$(awk -F '\t' '$2 != "-"' "$scratch/assignments" | grep -c .)
equal 'placed' "$placed" "$done_facets"

# The published tree: something is in it, rated, named, and its numbers add up.
expect 0 export clusters --run "$run" --format tsv
cp "$out" "$scratch/clusters"
awk -F '\t' 'NR > 1' "$scratch/clusters" >"$scratch/nodes"
[ -s "$scratch/nodes" ] || fail "nothing was published"
awk -F '\t' -v total="$total" '
    NF != 12 || $5 == "" || $6 == "" || $7 == "" { print "a cluster without a name: " $0; bad = 1 }
    $8 < 3 || $9 < 3 || $8 > total { print "too small, or too large: " $0; bad = 1 }
    $11 < 1 || $11 > 5 { print "not rated: " $0; bad = 1 }
    { size[$1] = $8; level[$1] = $3; parent[$1] = $4 }
    END {
        for (id in parent) {
            if (parent[id] == "") { top += size[id]; continue }
            if (!(parent[id] in size)) { print "a cluster under one that is not shown"; bad = 1 }
            if (level[parent[id]] != level[id] + 1) { print "levels do not follow each other"; bad = 1 }
            below[parent[id]] += size[id]
        }
        for (id in below)
            if (below[id] > size[id]) { print "children larger than their parent"; bad = 1 }
        print top > "/dev/stderr"
        exit bad
    }' "$scratch/nodes" >"$scratch/wrong" 2>"$scratch/top" || fail "$(cat "$scratch/wrong")"
shown=$(cat "$scratch/top")
# Leaves that are not shown, and what lies in them.
awk -F '\t' 'NR == FNR { shown[$1] = 1; next } $2 != "-" && !($2 in shown) { n++ } END { print n + 0 }' \
    "$scratch/nodes" "$scratch/assignments" >"$scratch/withheld"
withheld=$(cat "$scratch/withheld")
equal 'shown at the top + withheld' $((shown + withheld)) "$placed"

expect 0 export clusters --run "$run" --format csv
equal 'csv and tsv' "$(grep -c . "$out")" "$(grep -c . "$scratch/clusters")"
expect 0 export clusters --run "$run" --format json
equal 'json and tsv' "$(grep -c '"id":' "$out")" "$(grep -c . "$scratch/nodes")"
says 'audited by local:qwen2.5-coder-0.5b-instruct-q4_k_m, not validated; data declared public'
if grep -q 'test data' "$out"; then fail "a real run is marked as scripted"; fi
expect 0 tree "$run"
says "$(head -n 1 "$scratch/nodes" | cut -f5)"
cat "$out"

# Again: everything is kept, no model is asked.
expect 0 run --run "$run" --quiet --json
sed 's/"seconds":[0-9.]*//g' "$out" >"$scratch/again"
sed 's/"seconds":[0-9.]*//g' "$scratch/report.json" | cmp -s - "$scratch/again" || fail "the second time something was done"
