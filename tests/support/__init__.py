"""What tests share: fakes of servers, victims, builders of values. `tests/fakes.py` has the fakes of the ports."""
