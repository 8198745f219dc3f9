__all__ = ['ttypes', 'constants', 'Tasks']
