"""Reference agents and trainers, one readable file each.

In the checkout this package is ``agents``; a wheel installs it as ``crsgym_agents``, since the
shorter name belongs to another distribution. Imports inside it are relative.
"""
