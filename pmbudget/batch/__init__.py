"""How do many scenarios run?"""
