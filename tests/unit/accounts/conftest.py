from tests.unit.accounts.fixtures import ann as ann
from tests.unit.accounts.fixtures import bob as bob
from tests.unit.accounts.fixtures import make_user as make_user
from tests.unit.accounts.fixtures import quick as quick
