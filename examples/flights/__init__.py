"""The demo: all flights that left New York in 2013, from a flaky endpoint into a database."""
