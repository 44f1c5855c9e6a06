#!/usr/bin/env bash
# Deploy an image by its digest to the machines with a tag, through AWS Systems Manager. In GitHub
# Actions only: the job's own OIDC token lets it in. Each machine runs compose.yaml in /opt/waybill.
set -euo pipefail
: "${IMAGE:?image@sha256:…}" "${AWS_ROLE_ARN:?}" "${AWS_REGION:?}" "${DEPLOY_TAG:?key=value of the machines}"
[[ "$IMAGE" =~ ^[a-z0-9./_-]+@sha256:[0-9a-f]{64}$ ]] || {
	echo "$IMAGE is not an image with its digest" >&2
	exit 1
}

token="$(mktemp)"
trap 'rm -f "$token"' EXIT
curl --fail --silent --show-error --header "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" \
	"$ACTIONS_ID_TOKEN_REQUEST_URL&audience=sts.amazonaws.com" | jq --raw-output .value >"$token"
export AWS_WEB_IDENTITY_TOKEN_FILE="$token" AWS_ROLE_SESSION_NAME="waybill-$GITHUB_RUN_ID"

# Tables before workers: `apply` runs to its end, and the rest waits for it (compose.yaml).
commands="$(jq --null-input --arg image "$IMAGE" '[
	"set -eu",
	"cd /opt/waybill",
	"sed -i \"/^WAYBILL_IMAGE=/d\" .env",
	"echo WAYBILL_IMAGE=\($image) >> .env",
	"docker compose pull --quiet",
	"docker compose up --detach --no-build --wait --wait-timeout 300"
]')"
command_id="$(aws ssm send-command --document-name AWS-RunShellScript \
	--targets "Key=tag:${DEPLOY_TAG%%=*},Values=${DEPLOY_TAG#*=}" \
	--parameters "{\"commands\": $commands}" --max-concurrency 1 --max-errors 0 \
	--query Command.CommandId --output text)"
for _ in $(seq 120); do
	status="$(aws ssm list-commands --command-id "$command_id" --query 'Commands[0].Status' --output text)"
	case "$status" in
	Success) exit 0 ;;
	Pending | InProgress) sleep 10 ;;
	*) break ;;
	esac
done
aws ssm list-command-invocations --command-id "$command_id" --details --output json >&2
exit 1
