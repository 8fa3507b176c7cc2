# shellcheck shell=bash
# What the scripts here share. Each sources this file first.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/.build
# A login shell's or a cleaned environment's PATH may leave out where Debian puts dockerd and chroot.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
HOME=${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}
export PATH HOME

have() { command -v "$1" >/dev/null 2>&1; }

# One line of the account: what is going on ($1), with what ($2), and what was found or is done ($3 ...).
line() {
  local state=$1 subject=$2
  shift 2
  printf '%-8s %-26s %s\n' "$state" "$subject" "$*"
}

# Ends the script with an error ($1) and what to do about it ($2 ..., a line each).
fail() {
  printf 'error: %s\n' "$1" >&2
  shift
  [[ $# -eq 0 ]] || printf '       %s\n' "$@" >&2
  exit 1
}

may_install() { [[ $(id -u) -eq 0 ]] && have apt-get; }

# The command that installs the packages "$@" for whoever cannot leave it to us.
install_command() {
  if have apt-get; then
    printf 'sudo apt-get update && sudo apt-get install --no-install-recommends %s' "$*"
  else
    printf 'your package manager: what Debian calls %s' "$*"
  fi
}

# Installs Debian packages without a question asked; may_install must hold.
install_packages() {
  local log=$build/apt.log
  line install packages "$* (log: .build/apt.log)"
  if ! { apt-get update && DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --no-install-recommends -o Dpkg::Options::=--force-confold "$@"; } \
    </dev/null >"$log" 2>&1; then
    tail -n 10 "$log" >&2
    fail "apt-get could not install $*" "All of its output: .build/apt.log" \
      "Look at this machine's apt sources and network, then run this again."
  fi
}
