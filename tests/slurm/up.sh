#!/usr/bin/env bash
# Starts a small SLURM on this machine, without systemd: up.sh FOLDER. down.sh FOLDER stops it.
#
# Everything lies below FOLDER and listens on 127.0.0.1. Two partitions of a node each: `cpu`, and
# `gpu` with two stand-ins for GPUs: jobs are given devices, but nothing computes on them.
# Where another SLURM is configured it starts nothing and ends with 2.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
base=$(realpath -m "${1:?the folder of the cluster}")

links=(slurm gres cgroup)
# The executor's srun finds its configuration in /etc/slurm only: a cluster that lives has it.
if [ -e /etc/slurm/slurm.conf ]; then
  other=$(dirname "$(dirname "$(realpath /etc/slurm/slurm.conf)")")
  pid=$(cat "$other/run/slurmctld.pid" 2>/dev/null || true)
  if [ ! -L /etc/slurm/slurm.conf ] || { [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; }; then
    echo "another SLURM is configured in /etc/slurm (its files: $other)" >&2
    exit 2
  fi
fi

mkdir -p "$base"/{devices,etc,log,munge,run,spool,state}
chmod 755 "$base" "$base"/{etc,log,munge,run,spool,state}
for number in 0 1; do # only character devices count as GPUs; these are copies of /dev/null
  device=$base/devices/nvidia$number
  [ -c "$device" ] || mknod "$device" c 1 3
done
for file in "${links[@]}"; do
  sed "s|@BASE@|$base|g; s|@HOST@|$(hostname -s)|g" "$here/$file.conf.in" >"$base/etc/$file.conf"
done

key=$base/munge/key
[ -s "$key" ] || head -c 1024 /dev/urandom >"$key"
chmod 400 "$key"
munged --force --key-file="$key" --seed-file="$base/munge/seed" --socket="$base/munge/socket" \
  --pid-file="$base/run/munged.pid" --log-file="$base/log/munged.log"

mkdir -p /etc/slurm
for file in "${links[@]}"; do ln -sfn "$base/etc/$file.conf" "/etc/slurm/$file.conf"; done
slurmctld -c
slurmd -N cpu1
slurmd -N gpu1

for _ in $(seq 80); do # against a dead controller sinfo waits 10 s, hence the limit
  idle=$(timeout 5 sinfo --noheader --Node --format %T 2>/dev/null | grep -c '^idle$' || true)
  [ "$idle" = 2 ] && break
  sleep 0.25
done
if [ "$idle" != 2 ]; then
  echo "the nodes did not come up; the controller's last lines:" >&2
  tail -n 5 "$base/log/slurmctld.log" >&2
  "$here/down.sh" "$base"
  exit 1
fi
sinfo --Node --format '%N %P %T %c cpus %m MB %G'
