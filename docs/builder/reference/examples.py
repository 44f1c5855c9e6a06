"""Examples of config.yaml, a section each: a test reads all of them as they stand.

A key without a default must be in one of them; `settings.py` takes its example from here.
"""

from __future__ import annotations

from collections.abc import Mapping

EXAMPLES: Mapping[str, str] = {
    "broker": """
broker:
  url: ${WAYBILL_BROKER_URL}      # rediss://… for TLS
  ca_file: /run/secrets/redis_ca
""",
    "ledger": """
ledger:
  type: sql
  url: ${WAYBILL_LEDGER_URL}      # postgresql://user:password@host:5432/database
  ca_file: /run/secrets/ledger_ca
""",
    "storage": """
storage:
  type: objects
  url: s3://acme-waybill/data
  endpoint: https://s3.example.com
  region: eu-west-1
  access_key: ${WAYBILL_STORAGE_KEY_ID}
  secret_key_file: /run/secrets/storage
  credentials_file: /run/secrets/google_key    # for gs:// only
  ca_file: /run/secrets/storage_ca
""",
    "warehouse": """
warehouse:
  type: bigquery
  project: acme-data
  billing_project: acme-billing
  location: EU
  dataset: sales
  api_endpoint: https://bigquery.example.com
  credentials_file: /run/secrets/google_key
  impersonate: loader@acme-data.iam.gserviceaccount.com
  kms_key: projects/acme-data/locations/eu/keyRings/data/cryptoKeys/tables
  row_access_member: serviceAccount:loader@acme-data.iam.gserviceaccount.com
  staging_bucket: {url: gs://acme-staging/waybill}
  datasets:
    labels: {team: data}
    description: Loaded by Waybill
    time_travel_hours: 48
    storage_billing: PHYSICAL
""",
    "mail: smtp": """
mail:
  type: smtp
  host: smtp.example.com
  sender: reports@example.com
  user: reports@example.com
  password_file: /run/secrets/smtp
  ca_file: /run/secrets/smtp_ca
  oauth: {type: google, service_account_file: /run/secrets/google_key}   # instead of a password
""",
    "mail: file": """
mail: {type: file, path: data/mails, sender: reports@example.com}
""",
    "sources: s3": """
sources:
  drop:
    type: s3
    bucket: acme-drop
    prefix: incoming/
    endpoint: https://s3.example.com
    region: eu-west-1
    access_key: ${WAYBILL_DROP_KEY_ID}
    secret_key_file: /run/secrets/drop
    role_arn: arn:aws:iam::111122223333:role/waybill
    sts_endpoint: https://sts.example.com
    ca_file: /run/secrets/drop_ca
    receipts: {to: bucket, bucket: acme-answers, prefix: receipts/, address: ops@example.com}
    move_to: done/
    events:
      type: sqs
      queue_url: https://sqs.eu-west-1.amazonaws.com/111122223333/waybill-drop
      region: eu-west-1
    full_listing: {hours: 6}
  archive:
    type: s3
    bucket: acme-archive
    receipts_prefix: answers/
""",
    "sources: folder": """
sources:
  till: {type: folder, path: /srv/till, receipts_folder: /srv/answers}
""",
    "sources: mailbox": """
sources:
  partners:
    type: mailbox
    host: imap.example.com
    user: reports@example.com
    password_file: /run/secrets/imap
    ca_file: /run/secrets/imap_ca
    folders: [INBOX, Reports/*]
    move_to: Done
    answer_unmatched: [acorn.example]
    own_address: reports@example.com
    authentication: {authserv_id: mx.example.com, verify_dkim: true, dns: [10.0.0.2]}
  microsoft:
    type: mailbox
    host: outlook.office365.com
    user: reports@example.com
    oauth:
      type: microsoft
      tenant: example.com
      client_id: 8a7f3c1e-0000-0000-0000-000000000000
      client_secret_file: /run/secrets/entra
      ca_file: /run/secrets/entra_ca
  google:
    type: mailbox
    host: imap.gmail.com
    user: reports@example.com
    oauth:
      type: google
      client_id: waybill.apps.example.com
      client_secret_file: /run/secrets/google_client
      refresh_token_file: /run/secrets/google_refresh
  delegated:
    type: mailbox
    host: imap.gmail.com
    user: orders@example.com
    oauth: {type: google, service_account_file: /run/secrets/google_key}
  other:
    type: mailbox
    host: mail.example.org
    user: reports@example.org
    oauth:
      type: client_credentials
      token_url: https://login.example.org/token
      client_id: waybill
      client_secret_file: /run/secrets/other_client
      scope: https://mail.example.org/imap
""",
    "sources: mail_bucket": """
sources:
  stored:
    type: mail_bucket
    bucket: acme-mail
    prefix: inbound/
    own_address: reports@example.com
    answer_unmatched: [acorn.example]
""",
    "limits": """
limits:
  batch_files: 500
  archive_passwords_file: /run/secrets/zip_passwords
""",
    "quotas": """
quotas: {share: 0.5, table_load_jobs: 1500}
""",
    "retention": """
retention: {landing_days: 365, receipts_days: 90, files_days: 730}
""",
    "folders": """
folders: {contracts: schemas, feeds: dags, work: /var/lib/waybill, templates: templates}
""",
    "alerts": """
alerts:
  to:
    ops: {type: mail, to: ops@example.com}
    chat: {type: webhook, webhook_url: "${CHAT_WEBHOOK}", ca_file: /run/secrets/chat_ca}
    pager: {type: command, argv: [/usr/local/bin/page, --service, waybill]}
  away_minutes: 15
""",
    "web": """
web:
  url: https://waybill.example.com
  secret_key_file: /run/secrets/web_key
  proxies: [10.0.0.5]
  require_second_factor: admin
  oidc:
    issuer: https://login.example.com
    client_id: waybill
    client_secret_file: /run/secrets/oidc
    groups_claim: groups
  link_keys:
    k2026: {secret_file: /run/secrets/link_key}
""",
    "metrics": """
metrics: {port: 9464}
""",
    "log": """
log: {format: json, levels: {celery: warning}}
""",
    "webhooks": """
webhooks:
  secret_file: /run/secrets/webhooks
  allow_private: [10.20.0.0/16]
  ca_file: /run/secrets/webhooks_ca
""",
    "concurrency": """
concurrency: 4
""",
}
