"""LiteRT: conversion, activation ranges, operators, the file and its side-car."""
