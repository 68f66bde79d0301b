// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @dev A token that anybody can mint.
contract PlainToken is ERC20 {
    uint8 private immutable _decimals;

    constructor(uint8 decimals_) ERC20("Plain", "PLN") {
        _decimals = decimals_;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function decimals() public view override returns (uint8) {
        return _decimals;
    }
}

/// @dev A token that burns a hundredth of every transfer.
contract FeeToken is ERC20("Fee", "FEE") {
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        uint256 fee = from == address(0) || to == address(0) ? 0 : amount / 100;
        super._update(from, to, amount - fee);
        if (fee != 0) super._update(from, address(0), fee);
    }
}

/// @dev A token that returns nothing from `transfer` and `transferFrom`, as some deployed tokens
/// do.
contract SilentToken {
    mapping(address account => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external {
        allowance[msg.sender][spender] = amount;
    }

    function transfer(address to, uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        allowance[from][msg.sender] -= amount;
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// @dev A token that returns false and moves nothing.
contract LyingToken {
    function balanceOf(address) external pure returns (uint256) {
        return 1000;
    }

    function transferFrom(address, address, uint256) external pure returns (bool) {
        return false;
    }
}

/// @dev A token that reverts on transfers to or from blocked accounts.
contract BlockingToken is ERC20("Blocking", "BLK") {
    mapping(address account => bool) public blocked;

    error Blocked(address account);

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function setBlocked(address account, bool value) external {
        blocked[account] = value;
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (blocked[from]) revert Blocked(from);
        if (blocked[to]) revert Blocked(to);
        super._update(from, to, amount);
    }
}

/// @dev A token that calls an account after every transfer, as tokens with hooks do.
contract HookToken is ERC20("Hook", "HOK") {
    address public target;
    bytes public payload;
    /// @dev Whether the last call of the hook succeeded.
    bool public succeeded;
    bytes public result;

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function arm(address target_, bytes calldata payload_) external {
        target = target_;
        payload = payload_;
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        address to_ = target;
        if (to_ != address(0)) {
            target = address(0);
            (succeeded, result) = to_.call(payload);
        }
    }
}

/// @dev An account that refuses native coin.
contract Refuser {
    function claimTo(address vault, uint16 asset, address to) external {
        (bool ok, bytes memory reason) =
            vault.call(abi.encodeWithSignature("claim(uint16,address)", asset, to));
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(reason, 32), mload(reason))
            }
        }
    }
}

/// @dev A contract account: it accepts the signatures of its owner (ERC-1271).
contract ContractAccount {
    address public owner;

    constructor(address owner_) {
        owner = owner_;
    }

    function isValidSignature(bytes32 hash, bytes calldata signature)
        external
        view
        returns (bytes4)
    {
        return ECDSA.recover(hash, signature) == owner ? this.isValidSignature.selector : bytes4(0);
    }
}

/// @dev An account that claims again when it receives native coin.
contract Reenterer {
    address public immutable vault;
    bool public succeeded;
    bytes public result;
    uint256 public calls;

    constructor(address vault_) {
        vault = vault_;
    }

    function claim(uint16 asset) external {
        (bool ok, bytes memory reason) =
            vault.call(abi.encodeWithSignature("claim(uint16,address)", asset, address(this)));
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(reason, 32), mload(reason))
            }
        }
    }

    receive() external payable {
        ++calls;
        (succeeded, result) =
            vault.call(abi.encodeWithSignature("claim(uint16,address)", uint16(0), address(this)));
    }
}
