#!/usr/bin/env bash
# Stops what up.sh FOLDER started, by the daemons' own pid files, and nothing else.
set -uo pipefail
base=$(realpath -m "${1:?the folder of the cluster}")

stop() {
  local pid
  pid=$(cat "$1" 2>/dev/null) || return 0
  kill "$pid" 2>/dev/null || return 0
  for _ in $(seq 60); do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.25
  done
  kill -KILL "$pid" 2>/dev/null
}

ours() { [ "$(readlink "/etc/slurm/$1.conf")" = "$base/etc/$1.conf" ]; }

# Jobs first: the processes of one would outlive slurmd.
if ours slurm && kill -0 "$(cat "$base/run/slurmctld.pid" 2>/dev/null)" 2>/dev/null; then
  timeout 10 scancel --user "$(id -un)"
  for _ in $(seq 40); do
    [ -z "$(timeout 5 squeue --noheader 2>/dev/null)" ] && break
    sleep 0.25
  done
fi
# A link to a dead cluster would cost every later start of Snakemake 10 s.
for file in slurm gres cgroup; do
  if ours "$file"; then rm "/etc/slurm/$file.conf"; fi
done
for name in slurmd.cpu1 slurmd.gpu1 slurmctld munged; do stop "$base/run/$name.pid"; done
