#!/bin/sh
# A certificate for a trial: self-signed.sh NAME [FOLDER]. Browsers warn of it, and iiko does not take it.
set -eu
name="${1:?say for which name: self-signed.sh hub.example.com [FOLDER]}"
folder="${2:-/etc/iikohub/tls}"
if [ -e "$folder/privkey.pem" ]; then
  echo "$folder/privkey.pem is there already; take it away for a new one." >&2
  exit 1
fi
mkdir -p "$folder"
umask 077      # the key
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 -subj "/CN=$name" \
  -addext "subjectAltName=DNS:$name" -keyout "$folder/privkey.pem" -out "$folder/fullchain.pem" 2>/dev/null
chmod 644 "$folder/fullchain.pem"
echo "$folder/fullchain.pem is for $name, for 90 days."
