# What several scripts need. To be sourced, not run: `. scripts/lib.sh`.
# shellcheck shell=bash

# Where cargo leaves the binary of a profile (`debug`, `release` or `dist`), as an absolute path.
floe_binary() {
  realpath -m "${CARGO_TARGET_DIR:-target}/$1/floe"
}

# A port of 127.0.0.1 that nobody listens on. Drawn from below the range that the kernel hands to outgoing connections,
# which could otherwise take the port before its server does.
free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)); (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}

# poll_until SECONDS COMMAND...: runs the command until it succeeds; fails after so many seconds.
poll_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.05
  done
}

# memory_folder MEGABYTES: where files that are thrown away are quickest, in memory, if there is so much room; else /tmp.
# A container's /dev/shm is often too small.
memory_folder() {
  local free available
  free=$(df --output=avail --block-size=1M /dev/shm 2>/dev/null | tail -n 1) || free=0
  available=$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo 2>/dev/null) || available=0
  if [ -w /dev/shm ] && [ "${free:-0}" -ge "$1" ] && [ "${available:-0}" -ge "$((2 * $1))" ]; then
    echo /dev/shm
  else
    echo /tmp
  fi
}

# apt_install PACKAGE...: installs as root; tells everybody else what is missing.
apt_install() {
  if [ "$(id -u)" != 0 ]; then
    echo "Please install, as root: apt-get install $*" >&2
    return 1
  fi
  echo "installing $*"
  apt-get update -qq
  without_daemons env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# Debian starts a daemon as soon as its package is there. Ours run on ports and folders of their own, so that one on the
# default port would only be in the way: a policy forbids it while the command runs.
without_daemons() {
  local policy=/usr/sbin/policy-rc.d status=0
  if [ -e "$policy" ]; then
    "$@"
    return
  fi
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  "$@" || status=$?
  rm -f "$policy"
  return "$status"
}

# answers_200 PORT PATH: does a server of ours answer? In a shell of its own, which a refused connection may end.
answers_200() (
  exec 3<>"/dev/tcp/127.0.0.1/$1"
  printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' "$2" >&3
  IFS= read -r -t 5 status <&3
  [[ $status == 'HTTP/1.1 200'* ]]
)

# python_environment FOLDER REQUIREMENTS: a virtual environment with these packages, and a copy of the list that it
# fulfils. Quick when it is there.
python_environment() {
  cmp --silent "$2" "$1/requirements.txt" && return
  # Debian keeps what `venv` needs in a package of its own.
  python3 -c 'import ensurepip' 2>/dev/null || apt_install python3-venv
  python3 -m venv --clear "$1"
  "$1/bin/pip" install --quiet --disable-pip-version-check --requirement "$2"
  cp "$2" "$1/requirements.txt"
}
