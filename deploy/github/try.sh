#!/usr/bin/env bash
# Tries the model at SOURCE and waits for its verdict: the step of action.yml. It
# ends as `sluice try --wait` does, whatever becomes of summary and comment.
set -euo pipefail

for tool in sluice jq; do
  command -v "$tool" >/dev/null || { echo "::error::$tool is not on this runner: install it in a step before this one"; exit 2; }
done

run="$GITHUB_SERVER_URL/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID"
WHY=$(printf '%s' "$WHY" | tr -s '[:cntrl:]' ' ' | sed 's/^ *//; s/ *$//') # the message of a commit has lines
why="${WHY:-commit ${GITHUB_SHA:0:12}, $run}"
# A step that is repeated after a lost reply asks for the same; a run that somebody starts again asks anew.
asked=(--why "$why" --wait --timeout "$TIMEOUT" --key "github-$GITHUB_RUN_ID-$GITHUB_RUN_ATTEMPT-$(printf '%s' "$SOURCE" | sha256sum | cut -c1-12)" -o json)
fleet=()
[ -z "$FLEET" ] || fleet=(--fleet "$FLEET")
while IFS= read -r change; do
  [ -z "$change" ] || asked+=(--intended "$change")
done <<<"$INTENDED"

work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
code=0
sluice try "${asked[@]}" "${fleet[@]}" -- "$SOURCE" >"$work/wish" 2>"$work/error" || code=$?
cat "$work/error" >&2

rollout=$(jq -r '.rollout // empty' "$work/wish" || true)
phase=unknown headline=$(head -n 1 "$work/error")
told=$headline
if [ -n "$rollout" ] && sluice rollouts "$rollout" "${fleet[@]}" -o json >"$work/rollout"; then
  phase=$(jq -r '.phase // empty' "$work/rollout")
  headline=$(jq -r '.headline // .sentence // empty' "$work/rollout" | head -n 1)
  told=$(sluice rollouts "$rollout" "${fleet[@]}" || cat "$work/error")
fi
[ -n "$rollout" ] || phase=""
told=${told:0:50000} # GitHub takes 65,536 characters
[ "$code" != 5 ] || headline="Still under way after $TIMEOUT, and goes on without this workflow. $headline"

{
  echo "rollout=$rollout"
  echo "phase=$phase"
  echo "headline=$headline"
} >>"$GITHUB_OUTPUT"

# Indented, it is told as it stands, whatever names of partners there are in it.
{
  echo "### Sluice: ${phase:-not tried}"
  echo
  printf '%s\n' "$SOURCE" "$headline" | sed 's/^/    /'
  echo
  echo "<details><summary>What was measured</summary>"
  echo
  printf '%s\n' "$told" | sed 's/^/    /'
  echo
  echo "</details>"
  echo
  echo "[This run]($run)"
} >"$work/said"
cat "$work/said" >>"$GITHUB_STEP_SUMMARY"

if [ -z "$GH_TOKEN" ] || [ -z "$PULL_REQUEST" ]; then
  : # there is nobody to tell
elif ! command -v gh >/dev/null; then
  echo "::warning::The verdict could not be told on the pull request: gh is not on this runner"
elif ! gh pr comment "$PULL_REQUEST" --repo "$GITHUB_REPOSITORY" --body-file "$work/said"; then
  echo "::warning::The verdict could not be told on the pull request: it takes the permission pull-requests: write"
fi
exit "$code"
