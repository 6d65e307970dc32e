"""Resolve names across the files of a project: modules, classes, functions and objects."""
