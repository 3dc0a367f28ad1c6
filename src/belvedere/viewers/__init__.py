"""What a viewer is: which files it wants, and the program that shows them.

The viewer host reads these descriptions and runs their programs in processes of their own. A description imports
nothing heavy; only its program module does.
"""
