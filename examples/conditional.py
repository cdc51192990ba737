"""Branches are written as branches."""

from levada import flow, task


@task
def big_data_processor(data: list[int]) -> str:
    """For much."""
    return f"in bulk: {len(data)}"


@task
def small_data_processor(data: list[int]) -> str:
    """For little."""
    return f"one by one: {len(data)}"


@flow
def conditional_flow(data_size: int) -> str:
    """Choose by size."""
    data = list(range(data_size))
    if data_size > 1000:  # noqa: SIM108 - the point is that branches are branches
        result = big_data_processor(data)
    else:
        result = small_data_processor(data)
    return result


if __name__ == "__main__":
    print(conditional_flow(10))
    print(conditional_flow(5000))
