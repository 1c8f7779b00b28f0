#!/usr/bin/env bash
# Debian's SLURM, unless it is here: install.sh. Where it cannot be had it ends with one line and 1.
set -euo pipefail

refuse() {
  echo "no SLURM: $1" >&2
  exit 1
}

[ "$(id -u)" = 0 ] || refuse "only root may start its daemons"
{ command -v slurmctld && command -v slurmd && command -v munged; } >/dev/null && exit 0
command -v apt-get >/dev/null || refuse "slurmctld is not installed, and there is no apt-get"
export DEBIAN_FRONTEND=noninteractive
{ apt-get update && apt-get install -y --no-install-recommends slurm-wlm munge; } >/dev/null 2>&1 \
  || refuse "apt-get could not install slurm-wlm and munge"
