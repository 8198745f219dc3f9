"""What our daemon is compared with: the tutorial's calls on other servers, each as thin as its documentation shows it.

Each module is a program, run as `python -m benchmarks.servers.NAME PORT MONGO_URI DATABASE`. None checks its
arguments, sets a deadline or survives a failure; they are as fast as what they are made of.
"""
