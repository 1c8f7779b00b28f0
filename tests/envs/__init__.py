"""The environments of the rules, proved without conda: `make test-envs`.

A plain environment stands for each file of `envs/`, with the packages it names and no others.
Workflows run through `--sdm env-modules` with modules that put these environments in front, here
and under SLURM. Whether a script ran in the right one is looked up by `probe/sitecustomize.py`,
which the modules put on PYTHONPATH; a normal run knows nothing of it.
"""
