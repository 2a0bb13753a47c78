# clio run with the scripted model: a whole run, going on, what changes when an option changes, and what is asked about it.
set -eu
. tests/cli/assert.inc
run=$scratch/run
small="--public --account-per-conversation --progress none"

expect 0 run examples/tiny.jsonl --run "$run" --config examples/scripted.json $small --json
says '"complete":true'
says '"imported":30'
tells 'next: clio tree'
expect 0 status "$run" --json
says '"published":true'
says '"stage":"publish","done":true'
says '"health":{"request":{'
says '"silhouette":'
expect 0 status --run "$run"
says '11 of 11 stages done'
[ "$(stat -c %a "$run/private")" = 700 ] || fail "private/ is open to others"

# Again, from another folder and without any option: nothing is asked a second time, and the script is found.
grep -c . "$run/events.jsonl" >"$scratch/before"
(cd "$scratch" && "$clio" run --run run --quiet --json) >"$out" 2>"$err" || fail "going on failed"
[ ! -s "$err" ] || fail "--quiet says something"
says '"complete":true'
[ "$(grep -c stage_kept "$run/events.jsonl")" -eq 11 ] || fail "a stage that was done ran again"

# Another k leaves import and facets alone. The configuration of the run is kept, only k changes.
expect 0 run --run "$run" --k 2 --progress json
[ "$(grep -c '"kind":"stage_kept"' "$err")" -eq 4 ] || fail "more or less than four stages were kept"
expect 0 facets --run "$run"
expect 0 run --run "$run" --dry-run --until cluster
says 'facets'
if grep -q label "$out"; then fail "--until does not end the list"; fi
if grep -q 'to do' "$out"; then fail "the plan would do what is done"; fi
expect 0 run --run "$run" --dry-run --k 3
[ "$(grep -c 'to do' "$out")" -eq 7 ] || fail "another k is a plan for the seven stages from cluster on"

# Stopping in between and going on; starting afresh.
expect 0 run examples/tiny.jsonl --run "$scratch/b" --config examples/scripted.json $small --until facets
tells '3 of 11 stages done'
tells 'goes on where this stopped'
expect 0 run --run "$scratch/b" --progress line
tells 'done earlier'
tells 'publish'
expect 2 run --run "$scratch/b" --fresh
expect 0 run examples/tiny.jsonl --run "$scratch/b" --config examples/scripted.json $small --fresh --limit 12
expect 0 status "$scratch/b" --json
says '"imported":12'

# A folder that is no run is never touched.
mkdir "$scratch/mine"
echo precious >"$scratch/mine/file"
expect 1 run examples/tiny.jsonl --run "$scratch/mine" --config examples/scripted.json $small --fresh
[ "$(cat "$scratch/mine/file")" = precious ] || fail "a folder that is no run was changed"

# Thresholds below the usual ones need the word that the data is public.
printf '{"min_accounts": 3, "models": {"fast": "script:", "strong": "script:", "embed": "hash:768"}}' >"$scratch/low.json"
expect 3 run examples/tiny.jsonl --run "$scratch/c" --config "$scratch/low.json"
tells 'only for data that is public'
[ ! -e "$scratch/c" ] || fail "a refused configuration left a run behind"
