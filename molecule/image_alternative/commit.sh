#!/bin/sh
# Makes a repository of the folder it runs in.
set -eu
git init --quiet
git add .
git -c user.name=Test -c user.email=test@example.org commit --quiet --allow-empty --message Source
