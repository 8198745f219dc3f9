"""Everything is in setup.cfg; this file lets tools that ask for a setup.py find one."""

from setuptools import setup

setup()
