# Help of every command, the map, the manual page and shell completion: all made from the same tables, so all must agree.
set -eu
. tests/cli/assert.inc

expect 0
[ "$(wc -l <"$out")" -le 15 ] || fail "the map of commands is longer than a glance"
says 'clio demo'
cp "$out" "$scratch/map"
expect 0 --help
cmp "$out" "$scratch/map"
expect 0 help
cmp "$out" "$scratch/map"

expect 0 help --man
cp "$out" "$scratch/clio.1"
sed 's/\\-/-/g' "$scratch/clio.1" >"$scratch/plain.1"
expect 0 help --completion bash
cp "$out" "$scratch/clio.bash"
expect 0 help --completion zsh
cp "$out" "$scratch/clio.zsh"
expect 0 help --completion fish
cp "$out" "$scratch/clio.fish"

commands=$(awk '$1 == "clio" && NR > 1 { print $2 }' "$scratch/map")
[ "$(echo "$commands" | wc -l)" -ge 10 ] || fail "too few commands in the map"
for command in $commands help version; do
    expect 0 $command --help
    cp "$out" "$scratch/help"
    expect 0 $command -h
    cmp "$out" "$scratch/help" || fail "$command: -h and --help differ"
    expect 0 help $command
    cmp "$out" "$scratch/help" || fail "$command: help $command and --help differ"
    says "usage: clio $command"
    awk -v command=$command '/^Examples:/ { e = NR } /^Options:/ { o = NR } END { exit !(e && o && e < o) }' "$out" ||
        fail "$command: examples come before the options"
    [ "$(awk '{ if (length($0) > w) w = length($0) } END { print w }' "$out")" -le 100 ] || fail "$command: a line is too long"
    grep -qF "\"clio $command\"" "$scratch/clio.1" || fail "the manual page lacks clio $command"
    for shell in bash zsh fish; do
        grep -qw "$command" "$scratch/clio.$shell" || fail "completion for $shell lacks $command"
    done
    for option in $(sed -n 's/^  \(-.,\|   \) --\([a-z-]*\).*/\2/p' "$scratch/help"); do
        [ "$option" = help ] && continue
        grep -qF -e "--$option" "$scratch/plain.1" || fail "the manual page lacks --$option of $command"
        grep -qF -e "--$option" "$scratch/clio.bash" || fail "completion lacks --$option of $command"
    done
done

expect 0 help config
for key in $(sed -n 's/^\([a-z_.]*\) (default.*/\1/p' "$out"); do
    grep -qF "\\fB$key\\fR" "$scratch/clio.1" || fail "the manual page lacks the key $key"
done
says 'transcript_tokens (default: 400)'

if command -v bash >/dev/null; then
    bash -n "$scratch/clio.bash" || fail "the completion is not bash"
fi
if command -v man >/dev/null && command -v groff >/dev/null; then
    LC_ALL=C.UTF-8 MANROFFSEQ='' groff -man -Tutf8 -ww -z "$scratch/clio.1" 2>"$err" || fail "groff does not like the page"
    [ ! -s "$err" ] || fail "groff warns about the page"
fi

expect 0 version
says 'clio '
expect 0 --version
says 'clio '
expect 0 --version --json
says '"version":"'
says '"sqlite":"'
