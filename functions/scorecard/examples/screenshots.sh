#!/bin/sh
# Makes the screenshots in tests/screenshots of the repository again, from the pages that the example `site` writes.
# It needs chromium and pngquant.
set -eu
repository=$(cd "$(dirname "$0")/../../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$repository"
cargo run --quiet --package firedrill-scorecard --example site -- "$work/site"
mkdir -p tests/screenshots

# screenshot NAME PAGE
screenshot() {
  chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --hide-scrollbars --user-data-dir="$work/profile" \
    --window-size=1000,1200 --screenshot="$work/$1.png" "file://$2" 2>"$work/$1.log" || { cat "$work/$1.log"; exit 1; }
  pngquant --force --strip --speed 1 --output "tests/screenshots/$1.png" 32 "$work/$1.png"
}

screenshot index "$work/site/index.html"
screenshot application "$work"/site/applications/bookstore-*.html
screenshot failed-run "$work/site/runs/not-recovered.html"
