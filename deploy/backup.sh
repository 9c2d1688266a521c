#!/bin/sh
# backup.sh FOLDER [KEEP_DAYS] [EVERY_S]: write today's backup there, then remove those older than KEEP_DAYS (14).
# Runs where manage.py is, with the hub's python first in PATH. With EVERY_S it goes on for ever (Compose).
set -eu
folder="${1:?say where to: backup.sh FOLDER [KEEP_DAYS] [EVERY_S]}"
keep_days="${2:-14}"
every_s="${3:-}"

backup() {
  # Old ones go only after a new one is whole: a backup that fails for weeks removes nothing.
  python manage.py backup --force -v0 "$folder/hub-$(date -u +%F).dump" &&
    find "$folder" -maxdepth 1 -name 'hub-*.dump' -mtime "+$keep_days" -delete
}

if [ -z "$every_s" ]; then
  backup
  exit
fi
trap 'exit 0' TERM INT
while :; do
  backup || echo "The backup failed; the next is tried in $every_s s." >&2
  sleep "$every_s" &
  wait $!
done
