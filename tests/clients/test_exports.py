import corrente


def test_what_may_be_imported_is_listed_and_sorted():
    public = {
        name
        for name, value in vars(corrente).items()
        if not name.startswith("_") and not isinstance(value, type(corrente))
    }
    assert set(corrente.__all__) == public
    assert corrente.__all__ == sorted(corrente.__all__)
